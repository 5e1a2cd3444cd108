"""The operator's page: how the deployment is, and how it was over the last weeks."""
