"""Reading a document into fields, each with its confidence and the place on the page that shows it."""
