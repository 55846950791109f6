"""Parts of the structure of a document: links and list markers."""
