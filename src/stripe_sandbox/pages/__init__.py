"""What people see of the sandbox: the hosted checkout, 3-D Secure and the overview. Works without JavaScript."""
