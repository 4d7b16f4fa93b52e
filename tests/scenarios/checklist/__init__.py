"""The behaviour checklist as scenario files, and the test of the page that lists them."""
