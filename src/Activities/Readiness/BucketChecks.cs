using Workflows.Artifacts;

namespace Workflows.Activities.Readiness;

/// <summary>Checks whether the bucket of a run's artifacts exists, is writable, and is near the run's zones.</summary>
internal sealed class BucketChecks(GoogleRest google)
{
    private const string Check = "bucket", Host = GoogleRest.Storage;

    private static readonly string[] Rights =
    [
        "storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list",
    ];

    private static readonly string[] Roles =
    [
        "roles/storage.objectAdmin", "roles/storage.objectUser", "roles/storage.admin",
    ];

    /// <summary>Checks only the access rights; writes nothing.</summary>
    public async Task<ReadinessLine> RightsAsync(ArtifactUri? root, CancellationToken cancellation)
    {
        if (root is not { Scheme: ArtifactScheme.CloudStorage })
        {
            return ReadinessLine.Fail(
                Check, $"Workflows:Artifacts is '{root?.ToText() ?? ""}', where no TPU VM can read or write.",
                "Set Workflows:Artifacts to gs://BUCKET/PREFIX, terraform's output artifacts.");
        }

        var answer = await google.CallAsync(
            Host, $"/storage/v1/b/{root.Container}/iam/testPermissions?"
            + string.Join('&', Rights.Select(right => $"permissions={right}")), null, cancellation);
        if (answer.Status == 404)
        {
            return ReadinessLine.Fail(
                Check, $"There is no bucket '{root.Container}'.",
                $"gcloud storage buckets create gs://{root.Container} --location=REGION");
        }

        var missing = Rights.Except(answer.Texts("permissions"), StringComparer.Ordinal).ToList();
        return !answer.IsOk
            ? ReadinessLine.Warn(
                Check, $"The rights on '{root.Container}' cannot be read ({answer.Words}).",
                $"gcloud storage ls gs://{root.Container}")
            : missing.Count > 0
            ? ReadinessLine.Fail(
                Check, $"This program has no {string.Join(", ", missing)} on '{root.Container}'.",
                $"gcloud storage buckets add-iam-policy-binding gs://{root.Container} "
                + "--role=roles/storage.objectAdmin --member=serviceAccount:ACCOUNT")
            : ReadinessLine.Ok(Check, $"'{root.Container}' is there, and this program may write.");
    }

    /// <summary>Writes, reads and deletes a small object, and reports the bucket's location.</summary>
    public static async Task<ReadinessLine> ProbeAsync(
        ArtifactStores store, ArtifactUri root, IReadOnlyList<string> zones, CancellationToken cancellation)
    {
        var probe = root.Child($"doctor/{Guid.NewGuid():n}");
        await store.WriteBytesAsync(probe, [1], WriteCondition.IfAbsent, cancellation);
        try
        {
            await store.ReadBytesAsync(probe, ByteRange.Whole, cancellation);
        }
        finally
        {
            await store.DeleteAsync(probe, null, CancellationToken.None);
        }

        string place;
        try
        {
            place = await store.LocationOfAsync(root, cancellation);
        }
        catch (ArtifactException exception) when (exception.Fault == ArtifactFault.Forbidden)
        {
            return ReadinessLine.Warn(
                "bucket place", $"'{root.Container}' can be written; where it is cannot be read.",
                $"gcloud storage buckets describe gs://{root.Container} --format='value(location)'");
        }

        var far = zones.Where(zone => !zone.StartsWith(place, StringComparison.Ordinal)).ToList();
        return far.Count == 0
            ? ReadinessLine.Ok("bucket place", $"'{root.Container}' can be written; it is in {place}.")
            : ReadinessLine.Warn(
                "bucket place", $"'{root.Container}' is in {place}; {string.Join(", ", far.Take(3))} are elsewhere, so "
                + "models and checkpoints pay egress.", "Use zones of that place, or a bucket near the zones.");
    }

    /// <summary>Names the files that interrupted copies of models left; the next run of such a model goes on
    /// there.</summary>
    public static async Task<ReadinessLine> RestAsync(
        ArtifactStores store, ArtifactUri root, CancellationToken cancellation)
    {
        const string Name = "bucket rest";
        var models = root.Child("models");
        var rest = (await new ArtifactTree(store).UnreachableAsync(models, cancellation))
            .GroupBy(uri => uri.RelativeTo(models)!.Split('/')[0]).OrderBy(group => group.Key, StringComparer.Ordinal)
            .ToList();
        return rest.Count == 0
            ? ReadinessLine.Ok(Name, $"Every file below {models} belongs to a whole model.")
            : ReadinessLine.Warn(
                Name, $"Models that were never copied whole: {string.Join(", ", rest.Take(3).Select(
                    group => $"{group.Key} ({group.Count()} files)"))}{(rest.Count > 3 ? " and others" : "")}. A run "
                + "copies one now, or the next run of the same model goes on there.",
                $"If neither is wanted: gcloud storage rm -r {models.Child(rest[0].Key)}");
    }

    /// <summary>Checks whether the bucket's own policy gives the worker's account access.</summary>
    public async Task<ReadinessLine> WorkerAsync(
        ArtifactUri root, string? account, CancellationToken cancellation)
    {
        const string Name = "bucket worker";
        var grant = $"gcloud storage buckets add-iam-policy-binding gs://{root.Container} "
            + $"--role=roles/storage.objectAdmin --member=serviceAccount:{account ?? "ACCOUNT"}";
        if (account is null)
        {
            return ReadinessLine.Warn(
                Name, "The request names no account of the VM, so its rights are not known.", grant);
        }

        var answer = await google.CallAsync(Host, $"/storage/v1/b/{root.Container}/iam", null, cancellation);
        if (!answer.IsOk)
        {
            return ReadinessLine.Warn(
                Name, $"The policy of '{root.Container}' cannot be read ({answer.Words}).", grant);
        }

        return answer.Json.TryGetProperty("bindings", out var bindings)
            && bindings.ValueKind == System.Text.Json.JsonValueKind.Array
            && bindings.EnumerateArray().Any(binding => Lets(binding, account))
            ? ReadinessLine.Ok(Name, $"{account} may read and write '{root.Container}'.")
            : ReadinessLine.Warn(
                Name, $"The policy of '{root.Container}' does not name {account}; a right of the whole project may.",
                grant);
    }

    private static bool Lets(System.Text.Json.JsonElement binding, string account) =>
        new GoogleAnswer(200, binding) is var one && Roles.Contains(one.Text("role"))
        && one.Texts("members").Contains($"serviceAccount:{account}");
}
