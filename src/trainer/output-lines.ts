import type { LoadedDataset } from '../data/load.ts'
import type { EngineReport } from '../engine/report.ts'
import type { MeasuredEpoch } from '../runs/model/measurements.ts'
import { analyze } from '../zoo/analysis.ts'
import type { Architecture } from '../zoo/architecture.ts'

/** A line of the run's output, for people. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** "NATIVE on Intel Xeon, AVX-512, 2 threads": the device says the threads where they are ours to choose. */
export function engineLine({ kind, device }: EngineReport): string {
  return `Engine: ${kind} on ${device}`
}

export function datasetLine(
  { train, test }: LoadedDataset,
  used: { trainLimit: number | null; testLimit: number | null },
): string {
  const of = (count: number, limit: number | null) =>
    limit === null || limit >= count ? number(count) : `${number(limit)} of ${number(count)}`
  const shape = train.imageShape.join('x')
  return `Data set: ${of(train.count, used.trainLimit)} training and ${of(test.count, used.testLimit)} test images of ${shape}`
}

export function networkLine(architecture: Architecture, steps: number, epochs: number): string {
  const parameters = analyze(architecture).parameterCount
  return `Network: ${architecture.name} with ${number(parameters)} parameters; ${number(steps)} steps in ${number(epochs)} epochs`
}

export function epochLine(epoch: MeasuredEpoch, epochs: number): string {
  const { trainLoss, trainAccuracy, testLoss, testAccuracy, seconds } = epoch
  const result = (loss: number | null, accuracy: number | null) =>
    loss === null || accuracy === null
      ? 'not finite'
      : `loss ${loss.toFixed(4)}, ${(accuracy * 100).toFixed(2)} % right`
  return `Epoch ${epoch.epoch} of ${epochs}: training ${result(trainLoss, trainAccuracy)}; test ${result(testLoss, testAccuracy)}; ${seconds.toFixed(1)} s`
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}
