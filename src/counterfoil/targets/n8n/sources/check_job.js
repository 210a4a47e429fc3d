// Refuses a job before it is accepted: once it is, a token of ours is sent to the address that it names.
const job = $('Job').first().json;
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const ADDRESS = /^https?:\/\/([^\s\/?#@:\\\[\]]+|\[[0-9a-f:.]+\])(?::\d{1,5})?(?:[\/?#]\S*)?$/i;

if (!UUID.test(job.job_id)) throw new Error('job_id is missing, or is no UUID');
if (!UUID.test(job.notion_database_id)) throw new Error('notion_database_id is missing, or is no UUID');
const host = ADDRESS.exec(job.callback_url)?.[1].toLowerCase();
if (!host) throw new Error('callback_url is missing, or is no address');
if (job.callback_host && host !== job.callback_host.toLowerCase()) {
  throw new Error(`callback_url leads to ${host}, and callback_host allows ${job.callback_host} alone`);
}
return [{ json: {} }];
