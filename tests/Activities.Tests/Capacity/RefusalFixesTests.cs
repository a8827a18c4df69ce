using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Workflows.Activities.Capacity;
using Workflows.Orchestrations;
using RpcStatus = Google.Rpc.Status;

namespace Workflows.Activities.Tests.Capacity;

/// <summary>The remedies name what a person has to type.</summary>
public sealed class RefusalFixesTests
{
    private static readonly Candidate Place = new("us-central1-b", "v5litepod-8", ProvisioningMode.Spot, "v", 8, 1);

    [Theory]
    [InlineData(
        "Permission 'tpu.nodes.create' denied on 'projects/p/locations/us-central1-b'", null, "tpu.nodes.create",
        "roles/tpu.admin")]
    [InlineData(
        "Permission 'compute.networks.use' denied on resource 'x' (or it may not exist).", null,
        "compute.networks.use", "roles/compute.networkUser")]
    [InlineData("no", "tpu.operations.get", "tpu.operations.get", "roles/tpu.admin")]
    [InlineData("no", "serviceusage.services.use", "serviceusage.services.use",
        "roles/serviceusage.serviceUsageConsumer")]
    [InlineData("no", "storage.buckets.frob", "storage.buckets.frob", "ROLE")]
    [InlineData("Permission 'tpu.nodes.create' denied", "x; rm -rf /", "tpu.nodes.create", "roles/tpu.admin")]
    [InlineData("Permission '' denied on it", "", "roles/tpu.admin", "roles/tpu.admin")]
    public void Fix_OfAMissingPermission_NamesItWithARoleAndTheCommand(
        string text, string? permission, string named, string role)
    {
        var refusal = Read(text, Code.PermissionDenied, "IAM_PERMISSION_DENIED", ("permission", permission));

        Assert.Equal(("PERMISSION_MISSING", RefusalScope.Project), (refusal.Code, refusal.Scope));
        Assert.Contains(named, refusal.Fix, StringComparison.Ordinal);
        Assert.Contains(
            $"gcloud projects add-iam-policy-binding my-project --role={role} --member=serviceAccount:", refusal.Fix,
            StringComparison.Ordinal);
        Assert.DoesNotContain("rm -rf", refusal.Fix, StringComparison.Ordinal);
    }

    [Fact]
    public void Fix_OfAQuotaProjectThatMayNotBeUsed_NamesItsRight() => Assert.Contains(
        "serviceusage.services.use, which roles/serviceusage.serviceUsageConsumer has",
        Read("Caller does not have required permission to use project p.", Code.PermissionDenied, "USER_PROJECT_DENIED")
            .Fix,
        StringComparison.Ordinal);

    [Fact]
    public void Fix_OfATypeThatTheZoneLacks_NamesTheValuesOfTheText()
    {
        var refusal = Read(
            "CloudTpu received an invalid AcceleratorType, \"v5litepod-8\" for zone \"us-central1-b\". Valid values "
            + "are \"v2-8, v3-8, \".");

        Assert.Equal("ACCELERATOR_NOT_IN_ZONE", refusal.Code);
        Assert.StartsWith("us-central1-b has v2-8, v3-8: name one of these", refusal.Fix, StringComparison.Ordinal);
    }

    [Fact]
    public void Fix_OfATypeThatTheZoneLacks_NamesZonesAndTypesOfTheCatalog()
    {
        var refusal = Read("the accelerator v5litepod-8 was not found in zone us-central1-b");

        Assert.Contains("v5litepod-8 is in ", refusal.Fix, StringComparison.Ordinal);
        Assert.Contains("asia-northeast1-b", refusal.Fix, StringComparison.Ordinal);
        Assert.Contains("us-central1-b has v2-8", refusal.Fix, StringComparison.Ordinal);
        Assert.Contains(
            "accelerator-types list --zone=us-central1-b --project=my-project", refusal.Fix, StringComparison.Ordinal);
    }

    [Fact]
    public void Fix_OfATypeThatTheZoneLacksWithoutACatalog_SaysWhereToLook() => Assert.Contains(
        "gcloud compute tpus accelerator-types list --zone=us-central1-b",
        RefusalClassifier.Classify(
            new RpcStatus { Code = (int)Code.InvalidArgument, Message = "it was not found in zone us-central1-b" },
            Place).Fix,
        StringComparison.Ordinal);

    [Theory]
    [InlineData(
        "Compute Engine API has not been used in project 1 before or it is disabled. Enable it by visiting "
        + "https://console.developers.google.com/apis/api/compute.googleapis.com/overview?project=1 then retry.", null,
        "compute.googleapis.com")]
    [InlineData("no", "tpu.googleapis.com", "tpu.googleapis.com")]
    [InlineData("no", "evil.example --help", "tpu.googleapis.com")]
    public void Fix_OfADisabledApi_EnablesThatOne(string text, string? service, string api) => Assert.Contains(
        $"gcloud services enable {api} --project=my-project",
        Read(text, Code.PermissionDenied, "SERVICE_DISABLED", ("service", service)).Fix, StringComparison.Ordinal);

    [Theory]
    [InlineData(
        "You do not have permission to act as service_account: x@p.iam.gserviceaccount.com. (or it may not exist).",
        "add-iam-policy-binding x@p.iam.gserviceaccount.com --role=roles/iam.serviceAccountUser")]
    [InlineData(
        "The resource 'projects/p/global/networks/vpc-1' was not found", "gcloud compute networks create vpc-1 ")]
    [InlineData(
        "The resource 'projects/p/regions/us-central1/subnetworks/sub-1' was not found",
        "subnets create sub-1 --network=NETWORK --region=us-central1 ")]
    [InlineData(
        "Constraint constraints/gcp.resourceLocations violated for us-central1-b.",
        "administrator to allow this zone under constraints/gcp.resourceLocations")]
    [InlineData(
        "Constraint constraints/compute.trustedImageProjects violated for project 1234.",
        "gcloud org-policies describe compute.trustedImageProjects --project=my-project --effective")]
    [InlineData(
        "Location us-central1-b is not found or access is unauthorized.",
        "gcloud compute tpus locations list --project=my-project")]
    [InlineData("TPU API is not enabled or you don't have TPU access to zone: z",
        "gcloud services enable tpu.googleapis.com --project=my-project")]
    public void Fix_OfATextWithNames_PutsThemIntoTheCommand(string text, string command) =>
        Assert.Contains(command, Read(text).Fix, StringComparison.Ordinal);

    /// <summary>Its 4 are addresses: no slice is too large for them.</summary>
    [Fact]
    public void Fix_OfALimitOfComputeEngine_NamesIt()
    {
        var refusal = Read(
            "Quota 'IN_USE_ADDRESSES' exceeded.  Limit: 4.0 in region us-central1.", Code.ResourceExhausted);

        Assert.Equal(("INSTANCE_LIMIT", null), (refusal.Code, refusal.Quotas));
        Assert.StartsWith("Raise IN_USE_ADDRESSES (4.0 in region us-central1) of Compute Engine", refusal.Fix,
            StringComparison.Ordinal);
        Assert.Contains("tpu.externalIp", refusal.Fix, StringComparison.Ordinal);
    }

    [Fact]
    public void Fix_OfAReservationWithoutRoom_SpeaksOfTheReservation()
    {
        Refusal Ask(ProvisioningMode mode) => RefusalClassifier.Classify(
            new RpcStatus { Code = (int)Code.ResourceExhausted, Message = "Insufficient reserved capacity." },
            Place with { Provisioning = mode });

        Assert.Contains("make it larger", Ask(ProvisioningMode.Reserved).Fix, StringComparison.Ordinal);
        Assert.DoesNotContain("reservation", Ask(ProvisioningMode.Spot).Fix, StringComparison.OrdinalIgnoreCase);
    }

    private static Refusal Read(
        string text, Code code = Code.InvalidArgument, string? reason = null,
        (string Name, string? Value) fact = default)
    {
        var status = new RpcStatus { Code = (int)code, Message = text };
        if (reason is not null)
        {
            var info = new ErrorInfo { Reason = reason };
            if (fact.Value is not null)
            {
                info.Metadata[fact.Name] = fact.Value;
            }

            status.Details.Add(Any.Pack(info));
        }

        return RefusalClassifier.Classify(status, new RefusedRequest("my-project", Place, PriceCatalog.Load(null)));
    }
}
