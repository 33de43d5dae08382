import { type Analysis, analyze } from './analysis.ts'
import { type Architecture, ArchitectureError } from './architecture.ts'
import { formatFeature, placeOf } from './features.ts'

/**
 * The analysis of a network that the server is to work with.
 *
 * @throws ArchitectureError when the list cannot work on this input, or when the network has more parameters than
 *   allowed; it names the layer that has the most of them, by its entry in the list where it has one.
 */
export function analyzeWithin(architecture: Architecture, maxParameters: number): Analysis {
  const analysis = analyze(architecture)
  if (analysis.parameterCount <= maxParameters) return analysis
  const largest = analysis.layers.reduce((most, layer) =>
    layer.parameterCount > most.parameterCount ? layer : most,
  )
  const { entry } = largest
  const place =
    entry === null
      ? `the dense layer ${largest.name} (${largest.units} outputs)`
      : placeOf(entry, formatFeature(architecture.features[entry]!))
  const [total, part, most] = [analysis.parameterCount, largest.parameterCount, maxParameters].map((value) =>
    value.toLocaleString('en'),
  )
  throw new ArchitectureError(
    `The network would have ${total} parameters; at most ${most} are allowed (MAX_PARAMETERS). ` +
      `Most of them, ${part}, are in ${place}: make it or what comes before it narrower, or pool more.`,
    entry,
  )
}
