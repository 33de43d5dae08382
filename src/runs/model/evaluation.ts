// Apart from the hyperparameters, whose checks a trainer would load with them and never needs.

/** Images as they are. */
export const NO_AUGMENTATION = { horizontalFlip: false, cropPadding: 0, cutout: 0 }
