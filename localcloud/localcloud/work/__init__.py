"""What makes machines and the network agree with the state: jobs, their order and their pace."""
