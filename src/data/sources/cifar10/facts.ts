import type { DatasetFacts } from '../../dataset-facts.ts'

/** CIFAR-10 (Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009). */
export const CIFAR10: DatasetFacts = {
  name: 'cifar10',
  title: 'CIFAR-10',
  classes: ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'],
  count: { train: 50_000, test: 10_000 },
  imageShape: [32, 32, 3],
  normalization: { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] },
}

/** Both known forms come as six batches of so many images: five to train with, then the test batch. */
export const BATCH_IMAGES = 10_000
export const TRAIN_BATCHES = [1, 2, 3, 4, 5] as const
