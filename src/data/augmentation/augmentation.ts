/** Random changes of training images. A number that is 0 is a change that is not made. */
export interface Augmentation {
  /** Mirrors every second image, on average. */
  horizontalFlip: boolean
  /** Shifts the image by up to so many pixels in each direction; black comes in (a crop of the padded image). */
  cropPadding: number
  /** Side in pixels of a square of the mean colour laid over the image (DeVries and Taylor, arXiv:1708.04552). */
  cutout: number
  /** Turns the image about its centre by up to so many degrees either way; black comes in. */
  rotation: number
  /** Scales the image about its centre by a factor between 1 - scale and 1 + scale; black comes in where it shrinks. */
  scale: number
  /**
   * The least part of the area that a random crop has, which is then scaled to the size of the image; its sides are
   * as 3 : 4 to 4 : 3 (Szegedy et al., arXiv:1409.4842, section 6; torchvision's RandomResizedCrop).
   */
  resizedCrop: number
  /** Multiplies by a factor between 1 - brightness and 1 + brightness. This and the next three: torchvision's ColorJitter. */
  brightness: number
  /** The same with the distance from the image's mean grey. */
  contrast: number
  /** The same with the distance of each pixel from its grey. */
  saturation: number
  /** Turns the hues by up to this part of the circle either way, at most 0.5. */
  hue: number
  /** The probability that a rectangle of the image becomes noise (Zhong et al., arXiv:1708.04896). */
  erasing: number
  /** The alpha of mixup: images are blended in pairs, and their labels with them (Zhang et al., arXiv:1710.09412). */
  mixup: number
}

/** Images as they are. */
export const NO_AUGMENTATION: Augmentation = {
  horizontalFlip: false,
  cropPadding: 0,
  cutout: 0,
  rotation: 0,
  scale: 0,
  resizedCrop: 0,
  brightness: 0,
  contrast: 0,
  saturation: 0,
  hue: 0,
  erasing: 0,
  mixup: 0,
}

/** Whether images stay as they are. */
export function isIdentity(augmentation: Augmentation): boolean {
  return Object.values(augmentation).every((change) => change === false || change === 0)
}
