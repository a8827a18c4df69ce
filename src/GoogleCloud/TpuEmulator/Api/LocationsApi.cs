using Google.Cloud.Location;
using Grpc.Core;
using Workflows.GoogleCloud.TpuEmulator.Cloud;

namespace Workflows.GoogleCloud.TpuEmulator.Api;

/// <summary>Serves google.cloud.location.Locations: the zones of a scenario and those of every project.</summary>
internal sealed class LocationsApi(EmulatedCloud cloud) : Locations.LocationsBase
{
    private static readonly string[] Everywhere =
    [
        "europe-west4-a", "us-central1-a", "us-central1-b", "us-central1-c", "us-central2-b", "us-east1-d",
        "us-east5-a", "us-east5-b", "us-south1-a", "us-west1-c", "us-west4-a",
    ];

    public override Task<ListLocationsResponse> ListLocations(
        ListLocationsRequest request, ServerCallContext context) =>
        TpuApi.Try(() =>
        {
            var project = request.Name.Split('/') is ["projects", { Length: > 0 } id]
                ? id
                : throw new CloudException(Refusals.Bad(
                    $"'{request.Name}' is not a project; expected projects/PROJECT."));
            var zones = Everywhere.Union(cloud.Zones(project)).Order(StringComparer.Ordinal).ToList();
            var (page, next) = Paging.Of(zones, request.PageSize, request.PageToken);
            return new ListLocationsResponse
            {
                Locations = { page.Select(zone => LocationOf(request.Name, zone)) },
                NextPageToken = next,
            };
        });

    public override Task<Location> GetLocation(GetLocationRequest request, ServerCallContext context) =>
        TpuApi.Try(() =>
        {
            var (project, zone) = Paths.Parent(request.Name);
            return Everywhere.Contains(zone) || cloud.Zones(project).Contains(zone)
                ? LocationOf($"projects/{project}", zone)
                : throw new CloudException(Refusals.NotFound(request.Name));
        });

    private static Location LocationOf(string project, string zone) =>
        new() { Name = $"{project}/locations/{zone}", LocationId = zone };
}
