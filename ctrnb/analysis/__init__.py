"""What message passing does, to whom and why: effects by group of users, by density, and the sensitivity of trained models."""
