"""What an assistant may read and propose, over the Model Context Protocol: a translator onto /api/v1."""
