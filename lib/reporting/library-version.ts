/** The version of this library, as in its `package.json`, which cannot be read from a bundle. */
export const LIBRARY_VERSION = '0.1.0';
