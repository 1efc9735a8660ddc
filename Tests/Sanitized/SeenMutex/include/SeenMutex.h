// Nothing to call: linking the object is enough.
