// A dump that cannot be used, as one sentence for the operator.

/** `message` names what is wrong and the mend. Nothing of the dump has been stored. */
export class DumpError extends Error {
  override readonly name = 'DumpError'
}
