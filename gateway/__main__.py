"""`python -m gateway` is `grove`."""

from gateway.cli import main

if __name__ == "__main__":
    main()
