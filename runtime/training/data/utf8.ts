import { systemCode } from '../../store/errors.ts';

/** Throws an error with `isBadEncoding` where the bytes are no UTF-8. */
export const utf8Decoder = (): InstanceType<typeof TextDecoder> => new TextDecoder('utf-8', { fatal: true });

export const isBadEncoding = (error: unknown): boolean => systemCode(error) === 'ERR_ENCODING_INVALID_ENCODED_DATA';
