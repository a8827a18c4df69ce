using Google.Cloud.Tpu.V2;
using Google.LongRunning;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Workflows.GoogleCloud.TpuEmulator.Cloud;

namespace Workflows.GoogleCloud.TpuEmulator.Api;

/// <summary>Serves google.cloud.tpu.v2.Tpu for the emulated cloud.</summary>
internal sealed partial class TpuApi(EmulatedCloud cloud) : Tpu.TpuBase
{
    public override Task<ListNodesResponse> ListNodes(ListNodesRequest request, ServerCallContext context) => Try(() =>
    {
        var (project, zone) = Paths.Parent(request.Parent);
        cloud.Require("tpu.nodes.list", request.Parent);
        var (page, next) = Paging.Of(cloud.List(project, zone), request.PageSize, request.PageToken);
        return new ListNodesResponse { Nodes = { page }, NextPageToken = next };
    });

    public override Task<Node> GetNode(GetNodeRequest request, ServerCallContext context) =>
        Try("tpu.nodes.get", request.Name, () => cloud.Get(request.Name));

    public override Task<Operation> CreateNode(CreateNodeRequest request, ServerCallContext context) => Try(() =>
    {
        var (project, zone) = Paths.Parent(request.Parent);
        cloud.Require("tpu.nodes.create", request.Parent);
        return cloud.Create(project, zone, request.NodeId, request.Node ?? new Node());
    });

    public override Task<Operation> DeleteNode(DeleteNodeRequest request, ServerCallContext context) =>
        Try("tpu.nodes.delete", request.Name, () => cloud.Delete(request.Name));

    public override Task<Operation> StopNode(StopNodeRequest request, ServerCallContext context) =>
        Try("tpu.nodes.stop", request.Name, () => cloud.Stop(request.Name));

    public override Task<Operation> StartNode(StartNodeRequest request, ServerCallContext context) =>
        Try("tpu.nodes.start", request.Name, () => cloud.Start(request.Name));

    public override Task<Operation> UpdateNode(UpdateNodeRequest request, ServerCallContext context) =>
        Try("tpu.nodes.update", request.Node?.Name ?? "", () => cloud.Update(
            request.Node ?? throw new CloudException(Refusals.Bad("The field 'node' is required.")),
            request.UpdateMask ?? new FieldMask()));

    public override Task<ListAcceleratorTypesResponse> ListAcceleratorTypes(
        ListAcceleratorTypesRequest request, ServerCallContext context) => Try(() =>
    {
        var (project, zone) = Paths.Parent(request.Parent);
        var types = cloud.ListOffered(project, zone).Select(each => TypeOf(request.Parent, each)).ToList();
        var (page, next) = Paging.Of(types, request.PageSize, request.PageToken);
        return new ListAcceleratorTypesResponse { AcceleratorTypes = { page }, NextPageToken = next };
    });

    public override Task<AcceleratorType> GetAcceleratorType(
        GetAcceleratorTypeRequest request, ServerCallContext context) => Try(() =>
    {
        var (parent, type) = Paths.Child(request.Name);
        var (project, zone) = Paths.Parent(parent);
        return cloud.Offered(project, zone).FirstOrDefault(each => each.Name == type) is { } found
            ? TypeOf(parent, found)
            : throw new CloudException(Refusals.NotFound(request.Name));
    });

    public override Task<ListRuntimeVersionsResponse> ListRuntimeVersions(
        ListRuntimeVersionsRequest request, ServerCallContext context) => Try(() =>
    {
        Paths.Parent(request.Parent);
        var (page, next) = Paging.Of(Accelerators.Runtimes, request.PageSize, request.PageToken);
        return new ListRuntimeVersionsResponse
        {
            RuntimeVersions = { page.Select(runtime => RuntimeOf(request.Parent, runtime)) },
            NextPageToken = next,
        };
    });

    public override Task<RuntimeVersion> GetRuntimeVersion(
        GetRuntimeVersionRequest request, ServerCallContext context) => Try(() =>
    {
        var (parent, version) = Paths.Child(request.Name);
        return Accelerators.Runtimes.Contains(version)
            ? RuntimeOf(parent, version)
            : throw new CloudException(Refusals.NotFound(request.Name));
    });

    public override Task<GenerateServiceIdentityResponse> GenerateServiceIdentity(
        GenerateServiceIdentityRequest request, ServerCallContext context) => Try(() =>
        new GenerateServiceIdentityResponse
        {
            Identity = new ServiceIdentity { Email = "service-123456789012@cloud-tpu.iam.gserviceaccount.com" },
        });

    public override Task<GetGuestAttributesResponse> GetGuestAttributes(
        GetGuestAttributesRequest request, ServerCallContext context) => Try(() =>
    {
        var value = new GuestAttributesValue();
        foreach (var (name, text) in cloud.GuestAttributes(request.Name).Where(each =>
            each.Key == request.QueryPath || request.QueryPath.Length == 0
            || each.Key.StartsWith(request.QueryPath.TrimEnd('/') + "/", StringComparison.Ordinal)))
        {
            var slash = name.IndexOf('/', StringComparison.Ordinal);
            value.Items.Add(new GuestAttributesEntry
            {
                Namespace = name[..slash],
                Key = name[(slash + 1)..],
                Value = text,
            });
        }

        return new GetGuestAttributesResponse
        {
            GuestAttributes = { new GuestAttributes { QueryPath = request.QueryPath, QueryValue = value } },
        };
    });

    private Task<T> Try<T>(string permission, string resource, Func<T> call) => Try(() =>
    {
        cloud.Require(permission, resource);
        return call();
    });

    internal static Task<T> Try<T>(Func<T> call)
    {
        try
        {
            return Task.FromResult(call());
        }
        catch (CloudException exception)
        {
            throw exception.Status.ToRpcException();
        }
    }

    private static AcceleratorType TypeOf(string parent, Accelerator accelerator) => new()
    {
        Name = $"{parent}/acceleratorTypes/{accelerator.Name}",
        Type = accelerator.Name,
        AcceleratorConfigs =
        {
            new AcceleratorConfig { Type = accelerator.Type, Topology = accelerator.Topology },
        },
    };

    private static RuntimeVersion RuntimeOf(string parent, string version) =>
        new() { Name = $"{parent}/runtimeVersions/{version}", Version = version };
}
