"""The same model on other servers, written as their documentation shows, each in an environment of its own."""
