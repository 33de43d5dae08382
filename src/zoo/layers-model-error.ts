/** A network that standard layers cannot express, or a LayersModel that is not the network's. */
export class LayersModelError extends Error {
  override name = 'LayersModelError'
}
