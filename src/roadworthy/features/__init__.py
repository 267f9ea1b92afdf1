"""One definition of a feature, used for ten million training rows and for one request."""
