"""The pages: the API's own answers, as people read them."""
