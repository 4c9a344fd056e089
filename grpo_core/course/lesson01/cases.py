"""What the cases of several exercises of lesson 01 have in common."""

import torch

LOGITS = torch.tensor([0.8, -0.3, 0.1, -1.2])
VALUES = torch.tensor([0.3, 0.9, 0.5, 1.0])
