import { words } from '../format.ts'
import type { Hyperparameters } from '../run/hyperparameters.ts'
import { augmentationText, optimizerText, scheduleText } from '../run/settings-text.ts'
import { Choice, Flag, type Form, Line, Text } from './fields.tsx'
import { PinnedChoice } from './pinned-choice.tsx'

type Options = readonly (readonly [value: string, title: string])[]

interface What {
  form: Form
  networks: readonly string[]
  datasets: Options
}

export function WhatGroup({ form, networks, datasets }: What) {
  return (
    <fieldset>
      <legend>What</legend>
      <Choice form={form} name="architecture" label="Network" options={networks.map(same)} />
      <Choice form={form} name="dataset" label="Data set" options={datasets} />
      <Line form={form} name="name" label="Name" numeric={false} />
      <Text form={form} name="notes" label="Notes" />
    </fieldset>
  )
}

/** @param weights  that it may begin with, by their ids */
export function TransferGroup({ form, weights }: { form: Form; weights: Options }) {
  const freeze = form.values['transfer.freeze']
  return (
    <fieldset>
      <legend>Weights</legend>
      <Choice
        form={form}
        name="transfer.from"
        label="Begins with"
        options={[['', 'new weights, drawn by the seed'], ...weights]}
      />
      {form.values['transfer.from'] && (
        <>
          <Choice
            form={form}
            name="transfer.freeze"
            label="Frozen, not trained"
            hint={
              freeze === 'FEATURES'
                ? 'Quick without augmentation: what they make of each picture is computed once'
                : undefined
            }
            options={[
              ['NONE', 'nothing'],
              ['FEATURES', 'the convolutional part'],
              ['upTo', 'up to a layer'],
            ]}
          />
          {freeze === 'upTo' && (
            <Line
              form={form}
              name="transfer.freeze.upTo"
              label="The layer"
              numeric={false}
              hint="Such as features.16"
            />
          )}
          <Choice
            form={form}
            name="transfer.head"
            label="Last layer"
            options={[
              ['', 'new where the classes are others'],
              ['NEW', 'new'],
              ['KEEP', 'kept'],
            ]}
          />
          <Line
            form={form}
            name="transfer.headLearningRate"
            label="Its learning rate"
            hint="Where it is new; as all others when left out"
          />
        </>
      )}
    </fieldset>
  )
}

export function LengthGroup({ form }: { form: Form }) {
  return (
    <fieldset>
      <legend>How long</legend>
      <Line form={form} name="epochs" label="Epochs" hint="Passes over the training images" />
      <Line form={form} name="batchSize" label="Batch size" hint="Images in a step" />
      <Line form={form} name="trainLimit" label="Training images" hint="Only the first so many" />
      <Line form={form} name="testLimit" label="Test images" hint="Only the first so many" />
    </fieldset>
  )
}

const SGD = [
  ['momentum', 'Momentum'],
  ['weightDecay', 'Weight decay'],
] as const
const ADAM = [
  ['beta1', 'Beta 1'],
  ['beta2', 'Beta 2'],
  ['epsilon', 'Epsilon'],
  ['weightDecay', 'Weight decay'],
] as const
const SCHEDULES = {
  step: [
    ['epochs', 'Every so many epochs'],
    ['gamma', 'Times'],
    ['offset', 'Earlier by epochs'],
  ],
  cosine: [
    ['warmupEpochs', 'Epochs of warm-up'],
    ['finalLearningRate', 'Rate at the end'],
  ],
  oneCycle: [
    ['warmupFraction', 'Part that rises'],
    ['initialDivisor', 'Begins at the peak divided by'],
    ['finalDivisor', 'Ends at the first divided by'],
  ],
} as const

/** @param recipe what is taken where nothing is chosen */
export function OptimizerGroup({ form, recipe }: { form: Form; recipe: Hyperparameters }) {
  const { optimizer, schedule = '' } = form.values
  return (
    <fieldset>
      <legend>Optimizer and schedule</legend>
      <Choice
        form={form}
        name="optimizer"
        label="Optimizer"
        hint={optimizer ? undefined : optimizerText(recipe.optimizer)}
        options={[
          ['', 'as the recipe has it'],
          ['sgd', 'SGD'],
          ['adam', 'Adam'],
        ]}
      />
      {optimizer === 'sgd' &&
        SGD.map(([name, label]) => (
          <Line key={name} form={form} name={`optimizer.sgd.${name}`} label={label} />
        ))}
      {optimizer === 'sgd' && <Flag form={form} name="optimizer.sgd.nesterov" label="Nesterov's momentum" />}
      {optimizer === 'adam' &&
        ADAM.map(([name, label]) => (
          <Line key={name} form={form} name={`optimizer.adam.${name}`} label={label} />
        ))}
      <Line form={form} name="learningRate" label="Learning rate" hint="At its peak" />
      <Choice
        form={form}
        name="schedule"
        label="Schedule"
        hint={schedule ? undefined : scheduleText(recipe.schedule)}
        options={[
          ['', 'as the recipe has it'],
          ['constant', 'constant'],
          ['step', 'in steps'],
          ['cosine', 'cosine'],
          ['oneCycle', 'one cycle'],
        ]}
      />
      {Object.hasOwn(SCHEDULES, schedule) &&
        SCHEDULES[schedule as keyof typeof SCHEDULES].map(([name, label]) => (
          <Line key={name} form={form} name={`schedule.${schedule}.${name}`} label={label} />
        ))}
      <Line
        form={form}
        name="labelSmoothing"
        label="Label smoothing"
        hint="Probability spread over all classes"
      />
      <Choice
        form={form}
        name="classWeights"
        label="Class weights"
        hint={
          form.values.classWeights === 'balanced' ? 'A class counts as much as any, however rare' : undefined
        }
        options={[
          ['', 'none: each image counts alike'],
          ['balanced', 'balanced'],
          ['own', 'these'],
        ]}
      />
      {form.values.classWeights === 'own' && (
        <Line
          form={form}
          name="classWeights.weights"
          label="Weight of each class"
          numeric={false}
          hint="In the order of the classes, as in 1, 2.5"
        />
      )}
    </fieldset>
  )
}

export function AugmentationGroup({ form, recipe }: { form: Form; recipe: Hyperparameters }) {
  const isOwn = form.values.augmentation === 'own'
  return (
    <fieldset>
      <legend>Augmentation</legend>
      <Choice
        form={form}
        name="augmentation"
        label="Changes of training images"
        hint={isOwn ? undefined : augmentationText(recipe.augmentation)}
        options={[
          ['', 'as the recipe has them'],
          ['own', 'these'],
        ]}
      />
      {isOwn && (
        <>
          <Flag form={form} name="augmentation.horizontalFlip" label="Mirror half of the images" />
          <Line form={form} name="augmentation.cropPadding" label="Crop padding" hint="In pixels" />
          <Line form={form} name="augmentation.cutout" label="Cutout" hint="Edge of a square in pixels" />
          <Line form={form} name="augmentation.rotation" label="Rotation" hint="Most degrees either way" />
          <Line form={form} name="augmentation.scale" label="Scale" hint="0.1: by 0.9 to 1.1" />
          <Line
            form={form}
            name="augmentation.resizedCrop"
            label="Resized crop"
            hint="Least part of the area"
          />
          <Line form={form} name="augmentation.brightness" label="Brightness" hint="0.4: times 0.6 to 1.4" />
          <Line form={form} name="augmentation.contrast" label="Contrast" hint="0.4: times 0.6 to 1.4" />
          <Line form={form} name="augmentation.saturation" label="Saturation" hint="0.4: times 0.6 to 1.4" />
          <Line form={form} name="augmentation.hue" label="Hue" hint="Part of the circle, at most 0.5" />
          <Line form={form} name="augmentation.erasing" label="Erasing" hint="Probability of a rectangle" />
          <Line form={form} name="augmentation.mixup" label="Mixup" hint="Alpha; 0.2 is usual" />
        </>
      )}
    </fieldset>
  )
}

export function CheckpointsGroup({ form }: { form: Form }) {
  const onlyEpochs = form.values['checkpoints.everyEpoch'] === 'true'
  const stops = form.values.earlyStopping === 'own'
  return (
    <fieldset>
      <legend>Checkpoints and early stopping</legend>
      <Flag form={form} name="checkpoints.everyEpoch" label="Not by the clock" />
      {!onlyEpochs && (
        <Line form={form} name="checkpoints.everySeconds" label="Saved every so many seconds" />
      )}
      <Line form={form} name="checkpoints.everySteps" label="Saved every so many steps" />
      <Line form={form} name="checkpoints.keepBest" label="Best ones kept" />
      <Line form={form} name="checkpoints.keepLatest" label="Newest ones kept" />
      <Choice
        form={form}
        name="earlyStopping"
        label="Early stopping"
        options={[
          ['', 'none: it trains all epochs'],
          ['own', 'when no epoch is better any more'],
        ]}
      />
      {stops && (
        <>
          <Choice
            form={form}
            name="earlyStopping.metric"
            label="Judged by"
            options={['TEST_LOSS', 'TEST_ACCURACY'].map((metric) => [metric, words(metric)])}
          />
          <Line form={form} name="earlyStopping.patience" label="Patience" hint="Epochs that are no better" />
          <Line form={form} name="earlyStopping.minDelta" label="Better by at least" />
        </>
      )}
    </fieldset>
  )
}

export function PinnedGroup({ form }: { form: Form }) {
  return (
    <fieldset>
      <legend>Pinned pictures</legend>
      <Line
        form={form}
        name="pinned"
        label="Test pictures to watch"
        numeric={false}
        hint="Their places, as in 0, 7; at most 8"
      />
      <PinnedChoice form={form} />
    </fieldset>
  )
}

export function MoreGroup({ form }: { form: Form }) {
  return (
    <fieldset>
      <legend>More</legend>
      <Line form={form} name="seed" label="Seed" hint="Decides all that is random" />
      <Line form={form} name="logEvery" label="Loss logged every so many steps" />
      <Line form={form} name="priority" label="Priority" hint="Higher ones leave the queue first" />
      <Choice
        form={form}
        name="onNonFinite"
        label="When a loss is not finite"
        options={[
          ['FAIL', 'it fails'],
          ['CONTINUE', 'it goes on without that step'],
        ]}
      />
    </fieldset>
  )
}

function same(name: string): readonly [string, string] {
  return [name, name]
}
