"""What the cases of several exercises of lesson 06 have in common."""

import torch

LOGITS = torch.tensor([[-0.3, 0.9, 0.2, 0.5, -1.0], [2.0, 0.0, -1.0, 0.5, 0.5]])
REFERENCE = torch.tensor([[1.2, 0.6, 0.0, -0.8, -2.0], [0.0, 0.3, 0.1, -0.4, 1.0]])
