using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using Workflows.Activities.Capacity;
using Workflows.Orchestrations;
using RpcStatus = Google.Rpc.Status;

namespace Workflows.Activities.Tests.Capacity;

public sealed class RefusalClassifierTests
{
    /// <summary>Texts as the cloud words them: the first three are those that began this product.</summary>
    public static TheoryData<Code, string, string, RefusalScope> Texts => new()
    {
        {
            Code.PermissionDenied, "Permission denied on 'locations/us-central2-b' (or it may not exist).",
            "ZONE_FORBIDDEN", RefusalScope.Zone
        },
        {
            Code.ResourceExhausted,
            "Quota 'TPUV5sLitepodServingPerProjectPerZoneForTPUAPI' exhausted. Limit 4 in zone us-central1-a",
            "QUOTA_EXHAUSTED", RefusalScope.Zone
        },
        {
            Code.InvalidArgument,
            "Cloud TPU received a bad request. The requested accelerator configuration for accelerator type, "
            + "\"v5litepod-8\", could not be found in the zonal accelerator configurations for \"us-central1-b\".; the "
            + "accelerator v5litepod-8 was not found in zone us-central1-b [EID: 0x5be9ca996f9773a4]",
            "ACCELERATOR_NOT_IN_ZONE", RefusalScope.Zone
        },
        {
            Code.ResourceExhausted,
            "There is no more capacity in the zone \"europe-west4-a\"; you can try in another zone where Cloud TPU "
            + "Nodes are offered (see https://cloud.google.com/tpu/docs/regions) [EID: 0xe1d1ce9f2eae7a03]",
            "OUT_OF_CAPACITY", RefusalScope.Zone
        },
        {
            Code.ResourceExhausted,
            "Quota 'TPUV2sPreemptiblePodPerProjectPerRegionForTPUAPI' exhausted. Limit 32 in region europe-west4",
            "QUOTA_EXHAUSTED", RefusalScope.Region
        },
        {
            Code.ResourceExhausted,
            "Quota limit 'TPUV6EPreemptiblePerProjectPerRegionForTPUAPI' has been exceeded. "
                + "Limit: 0 in region us-east5.",
            "QUOTA_EXHAUSTED", RefusalScope.Region
        },
        {
            Code.ResourceExhausted,
            "Quota limit 'A,B' has been exceeded. Limit: 0,0 in region us-central1,zone us-central1-a.",
            "QUOTA_EXHAUSTED", RefusalScope.Region
        },
        {
            Code.ResourceExhausted, "Maximum number of CreateNode requests per minute per project exceeded",
            "RATE_LIMITED", RefusalScope.Zone
        },
        {
            Code.PermissionDenied, "Location us-east1-d is not found or access is unauthorized.", "ZONE_FORBIDDEN",
            RefusalScope.Zone
        },
        {
            Code.InvalidArgument,
            "Cloud TPU received a bad request. update is not supported while in state PREEMPTED [EID: 0x1]",
            "PREEMPTED_DURING_CREATE", RefusalScope.Zone
        },
        {
            Code.FailedPrecondition,
            "Insufficient reserved capacity. Contact customer support to increase your reservation. [EID: 0x1]",
            "OUT_OF_CAPACITY", RefusalScope.Zone
        },
        { Code.NotFound, "Reservation not found", "RESERVATION_MISSING", RefusalScope.Zone },
        {
            Code.NotFound, "The resource 'projects/p/global/networks/default' was not found", "NETWORK_MISSING",
            RefusalScope.Request
        },
        {
            Code.NotFound, "The resource 'projects/p/regions/us-west4/subnetworks/a' was not found",
            "SUBNETWORK_MISSING", RefusalScope.Region
        },
        {
            Code.FailedPrecondition,
            "Constraint constraints/compute.vmExternalIpAccess violated for project 1234. Add instance "
            + "projects/p/zones/z/instances/i to the constraint to use external IP with it.",
            "EXTERNAL_IP_FORBIDDEN", RefusalScope.Request
        },
        {
            Code.FailedPrecondition, "Constraint constraints/compute.trustedImageProjects violated for project 1234.",
            "POLICY_VIOLATED", RefusalScope.Project
        },
        {
            Code.PermissionDenied,
            "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: x", "POLICY_VIOLATED",
            RefusalScope.Project
        },
        {
            Code.FailedPrecondition, "Constraint constraints/gcp.resourceLocations violated for us-west4-a.",
            "ZONE_FORBIDDEN", RefusalScope.Zone
        },
        {
            Code.InvalidArgument,
            "You do not have permission to act as service_account: x@p.iam.gserviceaccount.com. (or it may not exist).",
            "SERVICE_ACCOUNT_FORBIDDEN", RefusalScope.Request
        },
        {
            Code.PermissionDenied,
            "Permission 'iam.serviceaccounts.actAs' denied on service account x@p.iam.gserviceaccount.com (or it may "
            + "not exist).",
            "SERVICE_ACCOUNT_FORBIDDEN", RefusalScope.Request
        },
        {
            Code.PermissionDenied, "The caller does not have permission", "PERMISSION_MISSING", RefusalScope.Project
        },
        {
            Code.PermissionDenied, "Permission 'compute.networks.use' denied on resource 'x' (or it may not exist).",
            "PERMISSION_MISSING", RefusalScope.Project
        },
        {
            Code.PermissionDenied, "Read access to project 'x' was denied", "PROJECT_FORBIDDEN", RefusalScope.Zone
        },
        {
            Code.PermissionDenied, "TPU API is not enabled or you don't have TPU access to zone us-west4-a",
            "API_OR_ZONE_FORBIDDEN", RefusalScope.Zone
        },
        {
            Code.PermissionDenied, "Request had insufficient authentication scopes.", "SCOPE_MISSING",
            RefusalScope.Project
        },
        {
            Code.PermissionDenied, "Required 'compute.subnetworks.use' permission for 'projects/p/regions/r/x'",
            "PERMISSION_MISSING", RefusalScope.Project
        },
        {
            Code.PermissionDenied, "The billing account for the owning project is disabled in state absent",
            "BILLING_DISABLED", RefusalScope.Project
        },
        {
            Code.ResourceExhausted,
            "Quota exceeded for quota metric 'Write requests' and limit 'Write requests per minute' of service "
            + "'tpu.googleapis.com' for consumer 'project_number:1'.",
            "RATE_LIMITED", RefusalScope.Zone
        },
        { Code.ResourceExhausted, "Too many requests, slow down", "RATE_LIMITED", RefusalScope.Zone },
        {
            Code.ResourceExhausted, "Quota 'IN_USE_ADDRESSES' exceeded.  Limit: 4.0 in region us-central1.",
            "INSTANCE_LIMIT", RefusalScope.Region
        },
        {
            Code.ResourceExhausted, "Quota 'SSD_TOTAL_GB' exceeded.  Limit: 500.0 in region us-central1.",
            "INSTANCE_LIMIT", RefusalScope.Region
        },
        {
            Code.ResourceExhausted, "The project has reached its INSTANCES limit", "INSTANCE_LIMIT",
            RefusalScope.Region
        },
        {
            Code.ResourceExhausted, "Quota 'TPU_LITE_PODSLICE_V5' exceeded.  Limit: 16.0 in region us-east1.",
            "QUOTA_EXHAUSTED", RefusalScope.Region
        },
        {
            Code.InvalidArgument,
            "CloudTpu received an invalid AcceleratorType, \"v3-8\" for zone \"us-central1-c\". Valid values are "
            + "\"v2-8, \".",
            "ACCELERATOR_NOT_IN_ZONE", RefusalScope.Zone
        },
        {
            Code.InvalidArgument, "Cloud TPU received an invalid argument. The field \"TensorflowVersion\" cannot be "
            + "\"2.4\". [EID: 0x1]",
            "RUNTIME_VERSION_INVALID", RefusalScope.Request
        },
        {
            Code.InvalidArgument,
            "Cloud TPU received a bad request. The requested zone \"asia-northeast1-a\" is not supported. [EID: 0x1]",
            "ZONE_WITHOUT_TPU", RefusalScope.Zone
        },
        {
            Code.PermissionDenied,
            "Cloud TPU API has not been used in project 1 before or it is disabled. Enable it by visiting ...",
            "API_DISABLED", RefusalScope.Project
        },
        {
            Code.PermissionDenied, "cannot create a TPU Node on a project linked to a free-trial billing account",
            "BILLING_DISABLED", RefusalScope.Project
        },
        {
            Code.PermissionDenied, "Permission 'tpu.nodes.create' denied on 'projects/p/locations/us-central1-b'",
            "PERMISSION_MISSING", RefusalScope.Project
        },
        {
            Code.Unauthenticated, "Request had invalid authentication credentials.", "UNAUTHENTICATED",
            RefusalScope.Project
        },
        { Code.Internal, "an internal error has occurred", "CLOUD_INTERNAL_ERROR", RefusalScope.Zone },
        { Code.Unknown, "an unknown error has occurred", "UNKNOWN", RefusalScope.Zone },
    };

    [Theory]
    [MemberData(nameof(Texts))]
    public void Classify_ErrorOfAnOperation_GivesCodeAndScope(
        Code code, string text, string expected, RefusalScope scope)
    {
        var refusal = RefusalClassifier.Classify(new RpcStatus { Code = (int)code, Message = text });

        Assert.Equal(expected, refusal.Code);
        Assert.Equal(scope, refusal.Scope);
        Assert.Contains(text[..20], refusal.Reason, StringComparison.Ordinal);
        Assert.NotEmpty(refusal.Fix);
    }

    [Theory]
    [InlineData(
        "Quota 'TPUV5sLitepodServingPerProjectPerZoneForTPUAPI' exhausted. Limit 4 in zone us-central1-a",
        "of TPUV5sLitepodServingPerProjectPerZoneForTPUAPI (4 in zone us-central1-a):", RefusalScope.Zone)]
    [InlineData(
        "Quota limit 'TPUV6EPreemptiblePerProjectPerRegionForTPUAPI' has been exceeded. Limit: 0 in region us-east5.",
        "of TPUV6EPreemptiblePerProjectPerRegionForTPUAPI (0 in region us-east5):", RefusalScope.Region)]
    [InlineData(
        "Quota limit 'A,B' has been exceeded. Limit: 0,8 in region us-central1,zone us-central1-a.",
        "of A (0 in region us-central1) and of B (8 in zone us-central1-a):", RefusalScope.Region)]
    [InlineData(
        "Quota limit 'A,B' has been exceeded. Limit: 0 in region us-central1,zone us-central1-a.",
        "the named quota", RefusalScope.Region)]
    [InlineData("Quota limit 'A,,' has been exceeded. Limit: ,, in zone .", "the named quota", RefusalScope.Zone)]
    public void Classify_TextThatNamesQuotas_NamesEachWithItsLimitInTheFix(
        string text, string fix, RefusalScope scope)
    {
        var refusal = RefusalClassifier.Classify(
            new RpcStatus { Code = (int)Code.ResourceExhausted, Message = text });

        Assert.Equal(("QUOTA_EXHAUSTED", scope), (refusal.Code, refusal.Scope));
        Assert.Contains(fix, refusal.Fix, StringComparison.Ordinal);
    }

    /// <summary>A limit into which the slice fits is used up for some minutes, by a lost node for example; a smaller
    /// one never suffices, nor does one that the text does not tell.</summary>
    [Theory]
    [InlineData("Quota 'A' exhausted. Limit 8 in zone us-central1-a", "QUOTA_IN_USE", RefusalScope.Zone)]
    [InlineData(
        "Quota limit 'A' has been exceeded. Limit: 16 in region us-east5.", "QUOTA_IN_USE", RefusalScope.Region)]
    [InlineData("Quota 'A' exhausted. Limit 7 in zone us-central1-a", "QUOTA_EXHAUSTED", RefusalScope.Zone)]
    [InlineData("Quota 'A' exhausted. Limit 0 in region us-east5", "QUOTA_EXHAUSTED", RefusalScope.Region)]
    [InlineData(
        "Quota limit 'A,B' has been exceeded. Limit: 8,4 in region us-central1,zone us-central1-a.", "QUOTA_EXHAUSTED",
        RefusalScope.Zone)]
    [InlineData(
        "Quota limit 'A,B' has been exceeded. Limit: 4,8 in region us-central1,zone us-central1-a.", "QUOTA_EXHAUSTED",
        RefusalScope.Region)]
    [InlineData(
        "Quota limit 'A,B' has been exceeded. Limit: 8,32 in region us-central1,zone us-central1-a.", "QUOTA_IN_USE",
        RefusalScope.Region)]
    [InlineData("Quota 'A' exhausted.", "QUOTA_EXHAUSTED", RefusalScope.Zone)]
    [InlineData(
        "Quota 'A' exhausted. Limit 99999999999999999999 in zone us-central1-a", "QUOTA_EXHAUSTED", RefusalScope.Zone)]
    public void Classify_QuotaOfAPlace_IsLastingOnlyIfTheSliceDoesNotFit(string text, string code, RefusalScope scope)
    {
        var place = new Candidate("us-central1-a", "v5litepod-8", ProvisioningMode.Spot, "v", 8, 1);

        var refusal = RefusalClassifier.Classify(
            new RpcStatus { Code = (int)Code.ResourceExhausted, Message = text }, place);

        Assert.Equal((code, scope), (refusal.Code, refusal.Scope));
        Assert.Equal(code == "QUOTA_IN_USE" ? 120 : 86400, refusal.RememberSeconds);
        Assert.Equal(refusal, RefusalClassifier.Classify(
            new RpcException(new Grpc.Core.Status(StatusCode.ResourceExhausted, text)), place));
    }

    [Fact]
    public void Classify_FailedCallWithErrorInfo_ReadsTheReasonWhateverTheText()
    {
        var status = new RpcStatus
        {
            Code = (int)Code.PermissionDenied,
            Message = "no",
            Details = { Any.Pack(new ErrorInfo { Reason = "SERVICE_DISABLED", Domain = "googleapis.com" }) },
        };

        Assert.Equal("API_DISABLED", RefusalClassifier.Classify(status.ToRpcException()).Code);
    }

    /// <summary>A rate limit and a quota can have the same words: reason and delay tell.</summary>
    [Theory]
    [InlineData(Code.ResourceExhausted, "Quota exceeded.", "RATE_LIMIT_EXCEEDED", null, "RATE_LIMITED", 0.0)]
    [InlineData(Code.Unavailable, "Slow down.", "RATE_LIMIT_EXCEEDED", 7.0, "RATE_LIMITED", 7.0)]
    [InlineData(Code.ResourceExhausted, "Quota exceeded.", null, 42.5, "RATE_LIMITED", 42.5)]
    [InlineData(Code.ResourceExhausted, "Quota exceeded.", null, -5.0, "RATE_LIMITED", 0.0)]
    [InlineData(Code.ResourceExhausted, "Quota exceeded.", null, 1e8, "RATE_LIMITED", 600.0)]
    [InlineData(Code.ResourceExhausted, "Quota exceeded.", "RESOURCE_QUOTA_EXCEEDED", 30.0, "QUOTA_EXHAUSTED", null)]
    [InlineData(
        Code.ResourceExhausted, "Quota 'TPUV6EPerProjectPerZoneForTPUAPI' exhausted. Limit 4 in zone us-central1-a",
        "RATE_LIMIT_EXCEEDED", 30.0, "QUOTA_EXHAUSTED", null)]
    [InlineData(
        Code.ResourceExhausted, "There is no more capacity in the zone \"us-central1-a\"", null, 30.0,
        "OUT_OF_CAPACITY", null)]
    [InlineData(Code.PermissionDenied, "no", null, 30.0, "UNKNOWN", null)]
    public void Classify_DetailsOfARateLimit_TellItFromAQuota(
        Code code, string text, string? reason, double? delay, string expected, double? wait)
    {
        var status = new RpcStatus { Code = (int)code, Message = text };
        if (reason is not null)
        {
            status.Details.Add(Any.Pack(new ErrorInfo { Reason = reason, Domain = "googleapis.com" }));
        }

        if (delay is { } seconds)
        {
            status.Details.Add(Any.Pack(new RetryInfo
            {
                RetryDelay = new Duration
                {
                    Seconds = (long)seconds,
                    Nanos = (int)(seconds % 1 * 1e9),
                },
            }));
        }

        var refusal = RefusalClassifier.Classify(status.ToRpcException());

        Assert.Equal((expected, wait), (refusal.Code, refusal.RetryAfterSeconds));
        Assert.Equal(expected == "RATE_LIMITED", RefusalClassifier.IsRateLimit(status.ToRpcException()));
    }

    /// <summary>What arrives may be damaged: the text remains.</summary>
    [Fact]
    public void Classify_DetailsThatAreDamaged_AreNone()
    {
        var status = new RpcStatus
        {
            Code = (int)Code.ResourceExhausted,
            Message = "There is no more capacity in the zone",
        };
        foreach (var type in new[] { "ErrorInfo", "QuotaFailure", "RetryInfo", "Nothing" })
        {
            status.Details.Add(new Any
            {
                TypeUrl = $"type.googleapis.com/google.rpc.{type}",
                Value = Google.Protobuf.ByteString.CopyFrom(10, 255),
            });
        }

        Assert.Equal("OUT_OF_CAPACITY", RefusalClassifier.Classify(status.ToRpcException()).Code);
        Assert.Equal("OUT_OF_CAPACITY", RefusalClassifier.Classify(new RpcException(
            new Grpc.Core.Status(StatusCode.ResourceExhausted, status.Message),
            new Metadata { { "grpc-status-details-bin", [8, 255] } })).Code);
    }

    /// <summary>The number in a type's name is chips for v5e and v6e, else TensorCores, as in the limit.</summary>
    [Theory]
    [InlineData("TPUV5sLitepodServingPerProjectPerZone", 0, "v5litepod-8", "v5litepod 1-8 on-demand")]
    [InlineData("TPUV5sLitepodServingPerProjectPerZoneForTPUAPI", 4, "v5litepod-8", "v5litepod 5-8 on-demand")]
    [InlineData("TPUV5sPreemptibleLitepodPerProjectPerZoneForTPUAPI", 16, "v5litepod-32",
        "v5litepod 17- spot,flex-start,on-demand")]
    [InlineData("TPUV5PPerProjectPerZoneForTPUAPI", 8, "v5p-16", "v5p 9- on-demand")]
    [InlineData("TPUV6EPerProjectPerZoneForTPUAPI", 0, "v6e-1", "v6e 1- on-demand")]
    [InlineData("SomethingElse", 0, "v6e-1", null)]
    public void Classify_QuotaOfAFamily_NamesTheSlicesThatItIsTooSmallFor(
        string quota, long limit, string type, string? reach)
    {
        var place = new Candidate("us-central1-a", type, ProvisioningMode.OnDemand, "v", 8, 1);

        var refusal = RefusalClassifier.Classify(
            new RpcStatus
            {
                Code = (int)Code.ResourceExhausted,
                Message = $"Quota limit '{quota}' has been exceeded. Limit: {limit} in zone us-central1-a.",
            },
            place);

        Assert.Equal("QUOTA_EXHAUSTED", refusal.Code);
        Assert.Equal(reach, refusal.Quotas is [var only]
            ? $"{only.Generation} {only.Least}-{only.Most} {string.Join(",", only.Modes.Select(WireName.Of))}" : null);
        Assert.Equal("us-central1-a", refusal.Quotas?[0].Place ?? "us-central1-a");
    }

    [Fact]
    public void Classify_QuotaBesideTheReason_IsReadWithItsPlace()
    {
        var status = new RpcStatus
        {
            Code = (int)Code.ResourceExhausted,
            Message = "Quota exceeded.",
            Details =
            {
                Any.Pack(new ErrorInfo
                {
                    Reason = "RESOURCE_QUOTA_EXCEEDED",
                    Metadata =
                    {
                        ["quota_limit"] = "TPUV6EPreemptiblePerProjectPerRegionForTPUAPI",
                        ["quota_limit_value"] = "0", ["quota_location"] = "us-east5",
                    },
                }),
            },
        };

        var refusal = RefusalClassifier.Classify(
            status, new Candidate("us-east5-b", "v6e-8", ProvisioningMode.Spot, "v", 8, 1));

        Assert.Equal(("QUOTA_EXHAUSTED", RefusalScope.Region), (refusal.Code, refusal.Scope));
        Assert.Contains(
            "TPUV6EPreemptiblePerProjectPerRegionForTPUAPI (0 in region us-east5)", refusal.Fix,
            StringComparison.Ordinal);
        Assert.Equal("us-east5", refusal.Quotas?[0].Place);
    }

    [Fact]
    public void Classify_QuotaOnlyInTheDetails_StillReadsItsRegion()
    {
        var violation = new QuotaFailure.Types.Violation
        {
            Description = "Quota 'X' exhausted. Limit 8 in region us-east5",
        };
        var status = new RpcStatus
        {
            Code = (int)Code.ResourceExhausted,
            Message = "exceeded",
            Details = { Any.Pack(new QuotaFailure { Violations = { violation } }) },
        };

        var refusal = RefusalClassifier.Classify(status.ToRpcException());

        Assert.Equal(("QUOTA_EXHAUSTED", RefusalScope.Region), (refusal.Code, refusal.Scope));
    }

    [Theory]
    [InlineData(
        Code.ResourceExhausted,
        "Insufficient reserved capacity. Contact customer support to increase your reservation. [EID: 0x1]", "", 3600)]
    [InlineData(
        Code.NotFound, "The resource 'projects/p/global/networks/default' was not found", "tpu.network", null)]
    [InlineData(
        Code.FailedPrecondition,
        "Constraint constraints/compute.vmExternalIpAccess violated for project 1234. Add instance "
        + "projects/p/zones/z/instances/i to the constraint to use external IP with it.", "xternal", null)]
    [InlineData(
        Code.InvalidArgument,
        "You do not have permission to act as service_account: x@p.iam.gserviceaccount.com. (or it may not exist).",
        "roles/iam.serviceAccountUser", null)]
    [InlineData(
        Code.PermissionDenied,
        "Permission 'iam.serviceaccounts.actAs' denied on service account x@p.iam.gserviceaccount.com "
        + "(or it may not exist).", "roles/iam.serviceAccountUser", null)]
    [InlineData(Code.PermissionDenied, "The caller does not have permission", "roles/tpu.admin", null)]
    public void Classify_TextOfTheWholeProject_StopsAtOnceWithTheFixElseIsForgottenSoon(
        Code code, string text, string fix, int? mostSeconds)
    {
        var refusal = RefusalClassifier.Classify(new RpcStatus { Code = (int)code, Message = text });

        Assert.NotEqual("UNKNOWN", refusal.Code);
        Assert.Contains(fix, refusal.Fix, StringComparison.Ordinal);
        if (mostSeconds is { } most)
        {
            Assert.Equal(RefusalScope.Zone, refusal.Scope);
            Assert.InRange(refusal.RememberSeconds, 60, most);
        }
        else
        {
            Assert.Contains(refusal.Scope, new[] { RefusalScope.Project, RefusalScope.Request });
        }
    }

    [Theory]
    [InlineData(StatusCode.Unavailable, true)]
    [InlineData(StatusCode.DeadlineExceeded, true)]
    [InlineData(StatusCode.PermissionDenied, false)]
    [InlineData(StatusCode.InvalidArgument, false)]
    public void IsTransient_ByStatus(StatusCode code, bool expected) => Assert.Equal(
        expected, RefusalClassifier.IsTransient(new RpcException(new Grpc.Core.Status(code, "text"))));
}
