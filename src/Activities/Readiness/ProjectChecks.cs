using Workflows.Orchestrations;

namespace Workflows.Activities.Readiness;

/// <summary>Checks the project: it exists, its APIs are enabled, and this program may use them.</summary>
/// <param name="google">Google's services, or an emulator of them.</param>
internal sealed class ProjectChecks(GoogleRest google)
{
    private const string Api = "tpu.googleapis.com";

    // Queued resources have no rights of their own (Google's list of the permissions of Cloud TPU).
    private static readonly string[] Rights =
    [
        "tpu.nodes.create", "tpu.nodes.delete", "tpu.nodes.get", "tpu.nodes.list", "tpu.operations.get",
    ];

    /// <summary>Checks whether there are credentials that yield tokens.</summary>
    public async Task<ReadinessLine> CredentialsAsync(CancellationToken cancellation) =>
        await google.BearerAsync(cancellation) is null
            ? ReadinessLine.Ok("credentials", "The emulated cloud asks for none.")
            : ReadinessLine.Ok("credentials", "Application Default Credentials give a token.");

    public async Task<ReadinessLine> ProjectAsync(string project, CancellationToken cancellation)
    {
        var answer = await google.CallAsync(
            "cloudresourcemanager.googleapis.com", $"/v1/projects/{project}", null, cancellation);
        return answer switch
        {
            { IsOk: true } when answer.Text("lifecycleState") is null or "ACTIVE" =>
                ReadinessLine.Ok("project", $"'{project}' is there."),
            { IsOk: true } => ReadinessLine.Fail(
                "project", $"'{project}' is {answer.Text("lifecycleState")}.",
                $"gcloud projects undelete {project}, or name another project."),
            { Status: 403 } => ReadinessLine.Warn(
                "project", $"'{project}' cannot be looked at ({answer.Words}).",
                $"Check the id; to see it: gcloud projects add-iam-policy-binding {project} --role=roles/browser "
                + "--member=serviceAccount:ACCOUNT"),
            _ => ReadinessLine.Fail(
                "project", $"'{project}' is not there ({answer.Words}).", "Name one of: gcloud projects list"),
        };
    }

    public async Task<ReadinessLine> ApiAsync(string project, CancellationToken cancellation)
    {
        var answer = await AskApiAsync(project, cancellation);
        return answer switch
        {
            { IsOk: true } when answer.Text("state") == "ENABLED" => ReadinessLine.Ok("api", $"{Api} is enabled."),
            { IsOk: true } => ReadinessLine.Fail(
                "api", $"{Api} is not enabled in '{project}'.", $"gcloud services enable {Api} --project={project}"),
            _ => ReadinessLine.Warn(
                "api", $"Whether {Api} is enabled cannot be read ({answer.Words}).",
                $"gcloud services list --enabled --project={project} --filter={Api}"),
        };
    }

    /// <summary>Returns whether the TPU API is enabled; null if Service Usage does not tell.</summary>
    public async Task<bool?> IsApiOnAsync(string project, CancellationToken cancellation) =>
        await AskApiAsync(project, cancellation) is { IsOk: true } answer
            ? answer.Text("state") switch
            {
                "ENABLED" => true,
                "DISABLED" => false,
                _ => null,
            }
            : null;

    private Task<GoogleAnswer> AskApiAsync(string project, CancellationToken cancellation) => google.CallAsync(
        "serviceusage.googleapis.com", $"/v1/projects/{project}/services/{Api}", null, cancellation);

    public async Task<ReadinessLine> RightsAsync(
        string project, RequestWay way, CancellationToken cancellation)
    {
        var queued = way == RequestWay.QueuedResource ? ", and queued resources, which need the same rights," : "";
        var answer = await google.CallAsync(
            "cloudresourcemanager.googleapis.com", $"/v1/projects/{project}:testIamPermissions",
            new { permissions = Rights }, cancellation);
        if (!answer.IsOk)
        {
            return ReadinessLine.Warn(
                "rights", $"The rights in '{project}' cannot be read ({answer.Words}).",
                "gcloud services enable cloudresourcemanager.googleapis.com --project=" + project);
        }

        var missing = Rights.Except(answer.Texts("permissions"), StringComparer.Ordinal).ToList();
        return missing.Count == 0
            ? ReadinessLine.Ok("rights", $"This program may make, list and delete TPU nodes{queued} in '{project}'.")
            : ReadinessLine.Fail(
                "rights", $"This program has no {string.Join(", ", missing)} in '{project}'."
                    + (queued.Length > 0 ? " Queued resources need the same rights as nodes." : ""),
                $"gcloud projects add-iam-policy-binding {project} --role=roles/tpu.admin "
                + "--member=serviceAccount:ACCOUNT");
    }

    /// <summary>Checks whether this program may create nodes that run as the worker's account.</summary>
    public async Task<ReadinessLine> WorkerAccountAsync(string? account, CancellationToken cancellation)
    {
        if (account is null)
        {
            return ReadinessLine.Warn(
                "worker account", "The request names none: VMs run as Compute Engine's default account.",
                "Set tpu.serviceAccount to terraform's output worker_service_account.");
        }

        const string Right = "iam.serviceAccounts.actAs";
        var answer = await google.CallAsync(
            "iam.googleapis.com", $"/v1/projects/-/serviceAccounts/{Uri.EscapeDataString(account)}:testIamPermissions",
            new { permissions = new[] { Right } }, cancellation);
        return answer switch
        {
            { IsOk: true } when answer.Texts("permissions").Contains(Right) =>
                ReadinessLine.Ok("worker account", $"VMs may be made that run as {account}."),
            { IsOk: true } => ReadinessLine.Fail(
                "worker account", $"This program has no {Right} on {account}.",
                $"gcloud iam service-accounts add-iam-policy-binding {account} --role=roles/iam.serviceAccountUser "
                + "--member=serviceAccount:ACCOUNT"),
            { Status: 404 } => ReadinessLine.Fail(
                "worker account", $"There is no account {account}.", "gcloud iam service-accounts list"),
            _ => ReadinessLine.Warn(
                "worker account", $"The rights on {account} cannot be read ({answer.Words}).",
                "gcloud iam service-accounts get-iam-policy " + account),
        };
    }

    /// <summary>Compares the readable quotas with the slices of the request.</summary>
    public async Task<ReadinessLine> QuotaAsync(
        ReadinessSubject subject, IReadOnlyList<string> zones, CancellationToken cancellation)
    {
        var look = $"https://console.cloud.google.com/iam-admin/quotas?project={subject.Project}";
        var limits = await QuotasAsync(subject.Project, cancellation);
        if (limits.Problem is { } problem)
        {
            return ReadinessLine.Warn("quota", $"Quotas cannot be read ({problem}).", $"Look at {look}");
        }

        List<string> tooSmall =
        [
            .. (from type in subject.AcceleratorTypes
                from mode in subject.Modes
                from zone in zones
                let lack = limits.LackOf(type, mode, zone)
                where lack is not null
                select QuotaLimits.Words(lack, type)).Distinct(StringComparer.Ordinal),
        ];
        return tooSmall.Count == 0
            ? ReadinessLine.Ok("quota", "No quota that can be read is too small.")
            : ReadinessLine.Warn(
                "quota", $"{string.Join("; ", tooSmall.Take(3))}.", $"Ask for more at {look}, or use other zones.");
    }

    /// <summary>Reads the limits of the TPU quotas.</summary>
    public Task<QuotaLimits> QuotasAsync(string project, CancellationToken cancellation) =>
        QuotaLimits.ReadAsync(google, Api, project, cancellation);
}
