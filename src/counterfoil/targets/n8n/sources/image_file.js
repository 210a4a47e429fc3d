// Makes a file of the picture in the job. What it is says its beginning, not its name.
const { image_data, filename } = $('Receipt Webhook').first().json.body;
const picture = Buffer.from(String(image_data ?? '').replace(/^data:[^,]*,/, ''), 'base64');
const start = picture.subarray(0, 12).toString('latin1');
const KINDS = [
  ['image/jpeg', /^\xff\xd8\xff/],
  ['image/png', /^\x89PNG\r\n\x1a\n/],
  ['image/gif', /^GIF8[79]a/],
  ['image/webp', /^RIFF[^]{4}WEBP/],
];

const kind = KINDS.find(([, beginning]) => beginning.test(start));
if (!kind) throw new Error('image_data is no JPEG, PNG, GIF or WebP picture in base64');
const file = { data: picture.toString('base64'), mimeType: kind[0], fileName: String(filename ?? 'receipt') };
return [{ json: {}, binary: { receipt: file } }];
