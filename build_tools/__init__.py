"""What builds the deployment; nothing of it runs in Lambda."""
