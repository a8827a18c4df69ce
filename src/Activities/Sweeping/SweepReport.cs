using System.Text.Json.Serialization;
using Workflows.Orchestrations;

namespace Workflows.Activities.Sweeping;

/// <summary>Kinds of resources that can cost money.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ResourceKind>))]
public enum ResourceKind
{
    /// <summary>A TPU VM.</summary>
    [JsonStringEnumMemberName("node")]
    Node,

    /// <summary>A request that waits for capacity, or has got it.</summary>
    [JsonStringEnumMemberName("queued-resource")]
    QueuedResource,
}

/// <summary>Whose a resource is that carries the label of a run.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ResourceOwner>))]
public enum ResourceOwner
{
    /// <summary>A run of this service that has not ended: it is in use.</summary>
    [JsonStringEnumMemberName("live-run")]
    LiveRun,

    /// <summary>This service by its label and its secret, and no live run: left over.</summary>
    [JsonStringEnumMemberName("this-service")]
    ThisService,

    /// <summary>Nobody knows: the label of a service is missing, or the secret is not this service's.</summary>
    [JsonStringEnumMemberName("unproved")]
    Unproved,

    /// <summary>Another service in the same project.</summary>
    [JsonStringEnumMemberName("other-service")]
    OtherService,
}

/// <summary>What a sweep did about a resource.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<SweepStep>))]
public enum SweepStep
{
    /// <summary>Nothing: it is only told about.</summary>
    [JsonStringEnumMemberName("listed")]
    Listed,

    /// <summary>Its deletion was asked for now.</summary>
    [JsonStringEnumMemberName("asked")]
    Asked,

    /// <summary>Its deletion is under way.</summary>
    [JsonStringEnumMemberName("deleting")]
    Deleting,

    /// <summary>The cloud refused to delete it; it is asked again at the next look.</summary>
    [JsonStringEnumMemberName("refused")]
    Refused,
}

/// <summary>What a sweep may do.</summary>
/// <param name="Deletes">true if it deletes what is left over of this service.</param>
/// <param name="IsPerson">true if a person asked, so that it also deletes what is unproved.</param>
/// <param name="Project">A project to look over besides those that are known; null: none.</param>
/// <param name="OfServices">Ids of services whose resources a person wants deleted, too.</param>
public sealed record SweepScope(
    bool Deletes, bool IsPerson, string? Project, IReadOnlyCollection<string> OfServices)
{
    /// <summary>The scope of the sweep that the service makes by itself.</summary>
    public static SweepScope Eternal { get; } = new(Deletes: true, IsPerson: false, null, []);

    internal bool MayDelete(ResourceOwner owner, string? service) => Deletes && owner switch
    {
        ResourceOwner.ThisService => true,
        ResourceOwner.Unproved => IsPerson,
        ResourceOwner.OtherService => IsPerson && service is not null && OfServices.Contains(service),
        _ => false,
    };
}

/// <summary>One look over every project.</summary>
/// <param name="ServiceId">The id that resources of this service carry.</param>
/// <param name="Projects">The projects looked over.</param>
/// <param name="Found">Resources with a run's label that no live run of this service has.</param>
/// <param name="GivenBack">The newest deletions of sweeps that are proved, newest first; at most 50.</param>
public sealed record SweepReport(
    string ServiceId, IReadOnlyList<SweptProject> Projects, IReadOnlyList<FoundResource> Found,
    IReadOnlyList<SweptFact> GivenBack)
{
    /// <summary>
    /// Gets a value indicating whether nothing is left that this service may have made, and every project could be
    /// looked over.
    /// </summary>
    public bool IsClean => Found.All(each => each.Owner == ResourceOwner.OtherService)
        && Projects.All(each => each.Problem is null);
}

/// <summary>A project that was looked over, or could not be.</summary>
/// <param name="Project">Its id.</param>
/// <param name="IsRehearsal">true if it is the emulator's.</param>
/// <param name="Zones">Zones that answered.</param>
/// <param name="RefusedZones">Zones that the project may not use: nothing can be there.</param>
/// <param name="Live">Resources in use by live runs of this service.</param>
/// <param name="Problem">Why it, or some of its zones, could not be looked over; null: all could.</param>
/// <param name="Fix">The remedy.</param>
public sealed record SweptProject(
    string Project, bool IsRehearsal, int Zones, int RefusedZones, int Live, string? Problem, string? Fix);

/// <summary>A resource with a run's label.</summary>
/// <param name="Name">Full resource name.</param>
/// <param name="Kind">What it is.</param>
/// <param name="IsRehearsal">true if it is the emulator's, and costs nothing.</param>
/// <param name="Zone">Where.</param>
/// <param name="AcceleratorType">What it has or waits for.</param>
/// <param name="State">The cloud's state.</param>
/// <param name="CreatedAt">Since when; null: the cloud does not say.</param>
/// <param name="UsdPerHour">List price in US dollars an hour; null for what costs nothing or has no price.</param>
/// <param name="Run">The run that it names, which anybody can write there.</param>
/// <param name="Service">The service that it names; null: none.</param>
/// <param name="Owner">Whose it is.</param>
/// <param name="Why">One sentence about that.</param>
/// <param name="Step">What was done.</param>
/// <param name="Refusal">The cloud's words, where it refused the deletion.</param>
public sealed record FoundResource(
    string Name, ResourceKind Kind, bool IsRehearsal, string Zone, string AcceleratorType, string State,
    DateTimeOffset? CreatedAt, double? UsdPerHour, string Run, string? Service, ResourceOwner Owner, string Why,
    SweepStep Step, string? Refusal);

/// <summary>The proof that a sweep's deletion is done.</summary>
/// <param name="Name">Full resource name.</param>
/// <param name="Kind">What it was.</param>
/// <param name="Run">The run that it named.</param>
/// <param name="Operation">Name of the cloud's operation; empty: it was being deleted already.</param>
/// <param name="AskedAt">When the cloud was first asked.</param>
/// <param name="GoneAt">When the cloud answered so.</param>
/// <param name="State">NOT_FOUND, or REPLACED where somebody has made another one of its name.</param>
public sealed record SweptFact(
    string Name, ResourceKind Kind, string Run, string Operation, DateTimeOffset AskedAt, DateTimeOffset GoneAt,
    string State);

/// <summary>How often the service sweeps.</summary>
/// <param name="Interval">From one look to the next; zero: never.</param>
/// <param name="Stopping">Ends a look when the service stops; the next start makes another.</param>
public sealed record SweepSettings(TimeSpan Interval, CancellationToken Stopping = default);

/// <summary>What a sweep must know of the service's runs.</summary>
public interface IRunStandings
{
    /// <summary>Gets the emulated projects that have something now.</summary>
    public IReadOnlyList<string> RehearsalProjects { get; }

    /// <summary>Returns whether a run is under way.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>false for one that has ended, and for one that the engine does not know.</returns>
    public Task<bool> IsLiveAsync(RunId runId, CancellationToken cancellationToken);
}
