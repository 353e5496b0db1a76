"""A web application to label images with a model that learns meanwhile: a server and its page."""
