// Makes an item of each attachment, since each is handed in by itself. A mail without any makes none, and the run ends.
const READABLE = /^(image\/|application\/pdf$|application\/xml$|text\/xml$)|\.(jpe?g|png|webp|tiff?|gif|bmp|heic|pdf|xml)$/i;
const readable = (file) => READABLE.test(file.mimeType ?? '') || READABLE.test(file.fileName ?? '');

return $('Mailbox').all().flatMap(({ binary = {} }) => (
  Object.values(binary).filter(readable).map((file) => ({ json: { file: file.fileName ?? null }, binary: { file } }))
));
