"""A web application to label images, with a model that learns at the same time: a server and its page."""
