using Google.Cloud.Tpu.V2;
using Grpc.Core;
using Workflows.Activities.Artifacts;
using Workflows.Activities.Capacity;
using Workflows.Activities.Provisioning;
using Workflows.Artifacts;
using Workflows.Orchestrations;

namespace Workflows.Activities.Readiness;

/// <summary>
/// Checks whether runs can work, before they cost money: the project, its rights and quotas, the bucket, the image, the
/// gateway, models and this machine. Each check is a line of its own; no check throws or shows a secret.
/// </summary>
/// <param name="google">Google's services, and the emulated ones for rehearsals.</param>
/// <param name="cloud">The TPU API.</param>
/// <param name="artifacts">The places of artifacts.</param>
/// <param name="bootstrap">The settings with which TPU VMs reach this service.</param>
/// <param name="catalog">The zones of each type.</param>
/// <param name="clock">Shows whether a certificate is about to expire.</param>
public sealed class CloudReadiness(
    GoogleServices google, ITpuCloud cloud, RunArtifacts artifacts, WorkerBootstrap bootstrap, PriceCatalog catalog,
    TimeProvider clock)
{
    private static readonly TimeSpan ImagePatience = TimeSpan.FromSeconds(10),
        QuotaPatience = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Runs the checks that a run that pays makes before it requests a TPU; they take a second and write nothing.
    /// </summary>
    /// <param name="spec">The run.</param>
    /// <param name="cancellation">Cancels the checks.</param>
    /// <returns>A line for each check.</returns>
    public async Task<IReadOnlyList<ReadinessLine>> QuickAsync(RunSpec spec, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var rest = google.Of(spec.IsRehearsal);
        var (project, bucket) = (new ProjectChecks(rest), new BucketChecks(rest));

        // An unreachable service does not prove anything about the project: the run continues and retries.
        Task<ReadinessLine> Look(string check, Func<Task<ReadinessLine>> look) =>
            Checked(check, look, ReadinessLevel.Warn, cancellation);
        return
        [
            await Look("api", () => project.ApiAsync(spec.Project, cancellation)),
            await Look("rights", () => project.RightsAsync(spec.Project, spec.Tpu.Request, cancellation)),
            await Look("bucket", () => bucket.RightsAsync(artifacts.Setting, cancellation)),
            ImageChecks.OfName(bootstrap.WorkerImage),
            GatewayChecks.OfAddress(bootstrap.IsGatewaySet ? bootstrap.GatewayAddress : null),
        ];
    }

    /// <summary>Reads the limits of a project's TPU quotas, so that places whose quota is too small are not tried,
    /// within half a minute for all pages.</summary>
    /// <param name="project">The project.</param>
    /// <param name="cancellation">Cancels the calls.</param>
    /// <returns>The limits, or the reason why they cannot be read; no fault of the run.</returns>
    public async Task<QuotaLimits> QuotasAsync(string project, CancellationToken cancellation)
    {
        using var late = new CancellationTokenSource(QuotaPatience, clock);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellation);
        var limits = QuotaLimits.Unknown;
        var line = await Checked(
            "quota",
            async () =>
            {
                limits = await new ProjectChecks(google.Of(isRehearsal: false)).QuotasAsync(project, stop.Token);
                return ReadinessLine.Ok("quota", "");
            },
            ReadinessLevel.Warn, cancellation);
        return line.Level == ReadinessLevel.Ok ? limits : new QuotaLimits([], line.Finding);
    }

    /// <summary>Reads the images that zones list for TPU VMs, within ten seconds.</summary>
    /// <param name="project">The project.</param>
    /// <param name="zones">The zones, those that are tried first in front.</param>
    /// <param name="cancellation">Cancels the calls.</param>
    /// <returns>The images of the zones that answered.</returns>
    public async Task<RuntimeVersions> RuntimesAsync(
        string project, IEnumerable<string> zones, CancellationToken cancellation)
    {
        using var late = new CancellationTokenSource(ImagePatience, clock);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellation);
        return await RuntimeVersions.ReadAsync(cloud, project, zones, stop.Token);
    }

    /// <summary>Checks that this machine has credentials of Google's cloud.</summary>
    /// <param name="cancellation">Cancels the check.</param>
    /// <returns>The line <c>credentials</c>.</returns>
    public Task<ReadinessLine> CredentialsAsync(CancellationToken cancellation) => Checked(
        "credentials", () => new ProjectChecks(google.Of(isRehearsal: false)).CredentialsAsync(cancellation),
        ReadinessLevel.Fail, cancellation);

    /// <summary>Runs all checks of the cloud and of the sources that a request names.</summary>
    /// <param name="subject">The subject of the checks.</param>
    /// <param name="stateId">The id that this service answers at its health address; null to skip the
    /// comparison.</param>
    /// <param name="cancellation">Cancels the checks.</param>
    /// <returns>A line for each check.</returns>
    public async Task<IReadOnlyList<ReadinessLine>> AllAsync(
        ReadinessSubject subject, string? stateId, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(subject);
        var rest = google.Of(subject.IsRehearsal);
        var project = new ProjectChecks(rest);
        var lines = new List<ReadinessLine>();
        async Task Add(string check, Func<Task<ReadinessLine>> look) =>
            lines.Add(await Checked(check, look, ReadinessLevel.Fail, cancellation));

        await Add("credentials", () => project.CredentialsAsync(cancellation));
        await Add("project", () => project.ProjectAsync(subject.Project, cancellation));
        await Add("api", () => project.ApiAsync(subject.Project, cancellation));
        await Add("rights", () => project.RightsAsync(subject.Project, subject.Request, cancellation));
        await Add("zones", () => ZonesAsync(subject, cancellation));
        await Add("quota", () => project.QuotaAsync(subject, ZonesOf(subject), cancellation));
        if (!subject.IsRehearsal)
        {
            await Add("worker account", () => project.WorkerAccountAsync(subject.ServiceAccount, cancellation));
            await AddBucketAsync(subject, rest, Add, cancellation);
            await Add("image", () => ImageChecks.AskAsync(bootstrap.WorkerImage, rest, cancellation));
            await Add("gateway", () => bootstrap.IsGatewaySet
                ? GatewayChecks.DialAsync(bootstrap, stateId, clock, cancellation)
                : Task.FromResult(GatewayChecks.OfAddress(null)));
        }

        foreach (var (field, address) in subject.Sources)
        {
            await Add(field, () => SourceAsync(subject.IsRehearsal, field, address, cancellation));
        }

        return lines;
    }

    private async Task AddBucketAsync(
        ReadinessSubject subject, GoogleRest rest, Func<string, Func<Task<ReadinessLine>>, Task> add,
        CancellationToken cancellation)
    {
        var bucket = new BucketChecks(rest);
        await add("bucket", () => bucket.RightsAsync(artifacts.Setting, cancellation));
        if (artifacts.Setting is { Scheme: ArtifactScheme.CloudStorage } root)
        {
            await add("bucket place", () => BucketChecks.ProbeAsync(
                artifacts.StoreOf(isRehearsal: false), root, ZonesOf(subject), cancellation));
            await add("bucket rest", () => BucketChecks.RestAsync(
                artifacts.StoreOf(isRehearsal: false), root, cancellation));
            await add("bucket worker", () => bucket.WorkerAsync(root, subject.ServiceAccount, cancellation));
        }
    }

    private async Task<ReadinessLine> ZonesAsync(ReadinessSubject subject, CancellationToken cancellation)
    {
        var connection = await cloud.ConnectAsync(subject.Project, subject.IsRehearsal, cancellation);
        var (zones, has, lacks) = (ZonesOf(subject), new List<string>(), new List<string>());
        foreach (var zone in zones.Take(20))
        {
            var parent = $"projects/{subject.Project}/locations/{zone}";
            try
            {
                var types = await ListAsync(connection, parent, cancellation);
                (subject.AcceleratorTypes.Any(types.Contains) ? has : lacks).Add(zone);
            }
            catch (RpcException exception) when (exception.StatusCode is StatusCode.PermissionDenied
                or StatusCode.InvalidArgument or StatusCode.NotFound)
            {
                lacks.Add($"{zone} ({RefusalClassifier.Classify(exception).Code})");
            }
        }

        var asked = string.Join(", ", subject.AcceleratorTypes);
        return has.Count == 0
            ? ReadinessLine.Fail(
                "zones", $"None of {string.Join(", ", lacks)} lists {asked}.",
                "Use other zones or types; to look: gcloud compute tpus accelerator-types list --zone=ZONE "
                + $"--project={subject.Project}")
            : lacks.Count > 0
            ? ReadinessLine.Warn(
                "zones", $"{asked}: listed by {string.Join(", ", has)}, but not by {string.Join(", ", lacks)}.",
                "Leave them out of tpu.zones, or ask Google for access.")
            : ReadinessLine.Ok("zones", $"{string.Join(", ", has)} list {asked}.");
    }

    private static async Task<HashSet<string>> ListAsync(
        TpuConnection connection, string parent, CancellationToken cancellation)
    {
        var types = new HashSet<string>(StringComparer.Ordinal);
        var request = new ListAcceleratorTypesRequest { Parent = parent };
        do
        {
            var page = await connection.Tpu.ListAcceleratorTypesAsync(
                request, TpuConnection.Routed("parent", parent, cancellation));
            types.UnionWith(page.AcceleratorTypes.Select(type => type.Type));
            request.PageToken = page.NextPageToken;
        }
        while (request.PageToken.Length > 0);

        return types;
    }

    /// <summary>Reads a small part of a model or a corpus, since the right to list does not include the right to
    /// read.</summary>
    private async Task<ReadinessLine> SourceAsync(
        bool isRehearsal, string field, string address, CancellationToken cancellation)
    {
        var store = artifacts.StoreOf(isRehearsal);
        var uri = await store.PinAsync(ArtifactUri.Parse(address), cancellation);
        var files = field == "model" ? await TextModelFiles.ChooseAsync(store, uri, cancellation) : [];
        var first = files is [var one, ..]
            ? one
            : (uri.Path.Length > 0 ? await store.FindAsync(uri, cancellation) : null);
        if (first is null)
        {
            await foreach (var file in store.ListAsync(uri, cancellation))
            {
                first = file;
                break;
            }
        }

        if (first is null)
        {
            return ReadinessLine.Fail(field, $"{address} has no files.", "Name a place that has some.");
        }

        await store.ReadBytesAsync(first.Uri, new ByteRange(0, Math.Min(1, first.Bytes)), cancellation);
        return ReadinessLine.Ok(field, field == "model"
            ? $"{uri} can be read: {files.Count} files, {TransferBoard.SizeOf(files.Sum(file => file.Bytes))}."
            : $"{uri} can be read.");
    }

    private IReadOnlyList<string> ZonesOf(ReadinessSubject subject) => subject.Zones.Count > 0
        ? subject.Zones
        : [.. subject.AcceleratorTypes
            .SelectMany(type => catalog.Offers(type, ProvisioningMode.OnDemand, null))
            .Select(place => place.Zone).Distinct(StringComparer.Ordinal)];

    /// <summary>Runs a check and turns every result and exception into a line.</summary>
    private static async Task<ReadinessLine> Checked(
        string check, Func<Task<ReadinessLine>> look, ReadinessLevel ofUnreachable, CancellationToken cancellation)
    {
        try
        {
            return await look();
        }
        catch (ArtifactException exception)
        {
            return ReadinessLine.Fail(check, $"{exception.Address}: {exception.Problem}", exception.Fix);
        }
        catch (RunFaultException exception)
        {
            return ReadinessLine.Fail(check, exception.Failure.Message, exception.Failure.Fix);
        }
        catch (RpcException exception)
        {
            var refusal = RefusalClassifier.Classify(exception);
            return ReadinessLine.Fail(check, $"{refusal.Code}: {refusal.Reason}", refusal.Fix);
        }
        catch (Exception exception) when (exception is InvalidOperationException
            or Google.Apis.Auth.OAuth2.Responses.TokenResponseException)
        {
            return ReadinessLine.Fail(
                check, exception.Message,
                "gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS to a key file.");
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException
            || (exception is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            return new ReadinessLine(
                check, ofUnreachable, $"It could not be asked: {exception.Message}",
                "Look at the network of this machine.");
        }
    }
}

/// <summary>Google's services for runs that pay, and the emulated ones for rehearsals.</summary>
/// <param name="Real">Services for runs that pay.</param>
/// <param name="Emulated">Services for rehearsals.</param>
public sealed record GoogleServices(GoogleRest Real, GoogleRest Emulated)
{
    /// <summary>Returns the services of a kind of run.</summary>
    /// <param name="isRehearsal">true for a rehearsal.</param>
    /// <returns>The services.</returns>
    public GoogleRest Of(bool isRehearsal) => isRehearsal ? Emulated : Real;
}
