import { NonFiniteAnswerError } from '../errors.ts'
import { drawFeatureMaps } from '../feature-maps.ts'
import type { Network } from '../network.ts'
import type { Inspected, Inspection } from '../protocol.ts'

/** No picture is made of values. */
const NONE = new Uint8Array()

/**
 * What a network tells of a picture beside its answer: see Inspected.
 * @throws NonFiniteAnswerError for values that are not finite
 */
export async function inspected(
  network: Network,
  pixels: Uint8Array,
  inspect: Inspection,
): Promise<Inspected> {
  if (inspect !== 'features' && 'layer' in inspect) {
    return { png: await drawFeatureMaps(await network.activations(pixels, inspect)) }
  }
  const values =
    inspect === 'features' ? await network.features([pixels]) : await network.gradient(pixels, inspect)
  const wrong = values.find((value) => !Number.isFinite(value))
  if (wrong !== undefined) throw new NonFiniteAnswerError(`The network has ${wrong} among its values.`)
  return { png: NONE, values }
}
