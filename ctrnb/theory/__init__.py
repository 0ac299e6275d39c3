"""The paper's theory, worked out from the definitions: Lipschitz constants of message passing, and MCI."""
