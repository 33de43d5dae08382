import { NO_AUGMENTATION } from '../../data/augmentation/augmentation.ts'
import { builder } from '../builder/builder.ts'

export const AugmentationInput = builder.inputType('AugmentationInput', {
  description: 'Random changes of training images; what is left out is off.',
  fields: (t) => ({
    horizontalFlip: t.boolean({
      required: true,
      defaultValue: NO_AUGMENTATION.horizontalFlip,
      description: 'Whether half of the images, chosen at random, are mirrored.',
    }),
    cropPadding: t.int({
      required: true,
      defaultValue: NO_AUGMENTATION.cropPadding,
      description: 'Black pixels around an image before a random crop, 0 to 64.',
    }),
    cutout: t.int({
      required: true,
      defaultValue: NO_AUGMENTATION.cutout,
      description: 'Edge in pixels of a square that is blanked, 0 to 224.',
    }),
    rotation: t.float({
      required: true,
      defaultValue: NO_AUGMENTATION.rotation,
      description: 'Most degrees by which an image is turned about its centre, either way, 0 to 180.',
    }),
    scale: t.float({
      required: true,
      defaultValue: NO_AUGMENTATION.scale,
      description: 'How far the factor that an image is scaled by may be from 1, 0 to 0.9.',
    }),
    resizedCrop: t.float({
      required: true,
      defaultValue: NO_AUGMENTATION.resizedCrop,
      description:
        'Least part of the area of an image that a random crop has, which is scaled to the size of the image, up to 1; 0 for no crop.',
    }),
    brightness: t.float({
      required: true,
      defaultValue: NO_AUGMENTATION.brightness,
      description: 'How far the factor that all levels are multiplied by may be from 1, 0 to 1.',
    }),
    contrast: t.float({
      required: true,
      defaultValue: NO_AUGMENTATION.contrast,
      description: "How far the factor of their distance from the image's mean grey may be from 1, 0 to 1.",
    }),
    saturation: t.float({
      required: true,
      defaultValue: NO_AUGMENTATION.saturation,
      description: "How far the factor of their distance from their pixel's grey may be from 1, 0 to 1.",
    }),
    hue: t.float({
      required: true,
      defaultValue: NO_AUGMENTATION.hue,
      description: 'Most that the hues are turned by, either way, as a part of their circle, 0 to 0.5.',
    }),
    erasing: t.float({
      required: true,
      defaultValue: NO_AUGMENTATION.erasing,
      description: 'Probability that a rectangle of an image becomes noise, 0 to 1.',
    }),
    mixup: t.float({
      required: true,
      defaultValue: NO_AUGMENTATION.mixup,
      description:
        'Alpha of mixup, up to 10: images and labels are blended in pairs by a share from Beta(alpha, alpha); 0 for none.',
    }),
  }),
})
