"""Reports: every question of a file answered, by a scheduler, again and again; see `RAGPipeline.report`."""
