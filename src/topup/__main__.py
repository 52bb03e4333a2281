"""`python -m topup`, the same as `topup`.

For places where no script is installed.
"""

from topup import cli

if __name__ == "__main__":
    cli.main()
