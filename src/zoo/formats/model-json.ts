import { readFile } from 'node:fs/promises'
import { LayersModelError } from '../layers-model-error.ts'
import { graphModel } from './keras-topology.ts'

/** A TF.js LayersModel's model.json; what its parts are is not known yet. */
export interface ModelJson {
  modelTopology?: unknown
  weightsManifest?: unknown
  userDefinedMetadata?: unknown
}

/** @throws LayersModelError for what is none */
export async function readModelJson(path: string): Promise<ModelJson> {
  const text = await readFile(path, 'utf8')
  let json: unknown
  try {
    json = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    throw new LayersModelError(`The model.json is not JSON: ${(error as Error).message}`)
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new LayersModelError('The model.json is not an object.')
  }
  if ('format' in json && json.format === 'graph-model') throw graphModel()
  return json
}
