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

    /// <summary>A request that waits for capacity, or has obtained it.</summary>
    [JsonStringEnumMemberName("queued-resource")]
    QueuedResource,
}

/// <summary>The owner of a resource that carries the label of a run.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ResourceOwner>))]
public enum ResourceOwner
{
    /// <summary>A run of this service that has not ended, so the resource is in use.</summary>
    [JsonStringEnumMemberName("live-run")]
    LiveRun,

    /// <summary>This service by label and secret, without a live run: the resource is left over.</summary>
    [JsonStringEnumMemberName("this-service")]
    ThisService,

    /// <summary>Unknown: the label of a service is missing, or the secret is not this service's.</summary>
    [JsonStringEnumMemberName("unproved")]
    Unproved,

    /// <summary>Another service in the same project.</summary>
    [JsonStringEnumMemberName("other-service")]
    OtherService,
}

/// <summary>The action of a sweep on a resource.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<SweepStep>))]
public enum SweepStep
{
    /// <summary>The resource was only listed.</summary>
    [JsonStringEnumMemberName("listed")]
    Listed,

    /// <summary>The sweep requested its deletion.</summary>
    [JsonStringEnumMemberName("asked")]
    Asked,

    /// <summary>Its deletion is under way.</summary>
    [JsonStringEnumMemberName("deleting")]
    Deleting,

    /// <summary>The cloud refused to delete it; the next sweep tries again.</summary>
    [JsonStringEnumMemberName("refused")]
    Refused,
}

/// <summary>The actions that a sweep may take.</summary>
/// <param name="Deletes">true if it deletes leftover resources of this service.</param>
/// <param name="IsPerson">true if a person started it, so that it also deletes unproved resources.</param>
/// <param name="Project">A project to sweep besides the known ones; null for none.</param>
/// <param name="OfServices">Ids of other services whose resources a person wants deleted, too.</param>
public sealed record SweepScope(
    bool Deletes, bool IsPerson, string? Project, IReadOnlyCollection<string> OfServices)
{
    /// <summary>The scope of the automatic sweep.</summary>
    public static SweepScope Eternal { get; } = new(Deletes: true, IsPerson: false, null, []);

    internal bool MayDelete(ResourceOwner owner, string? service) => Deletes && owner switch
    {
        ResourceOwner.ThisService => true,
        ResourceOwner.Unproved => IsPerson,
        ResourceOwner.OtherService => IsPerson && service is not null && OfServices.Contains(service),
        _ => false,
    };
}

/// <summary>The result of one sweep over every project.</summary>
/// <param name="ServiceId">The id that resources of this service carry.</param>
/// <param name="Projects">The projects that were swept.</param>
/// <param name="Found">Resources with a run's label that belong to no live run of this service.</param>
/// <param name="GivenBack">The newest proved deletions of sweeps, newest first; at most 50.</param>
public sealed record SweepReport(
    string ServiceId, IReadOnlyList<SweptProject> Projects, IReadOnlyList<FoundResource> Found,
    IReadOnlyList<SweptFact> GivenBack)
{
    /// <summary>
    /// Gets a value indicating whether no resource is left that this service may have created, and every project could
    /// be listed.
    /// </summary>
    public bool IsClean => Found.All(each => each.Owner == ResourceOwner.OtherService)
        && Projects.All(each => each.Problem is null);
}

/// <summary>A project that was swept, or could not be.</summary>
/// <param name="Project">Its id.</param>
/// <param name="IsRehearsal">true if it is the emulator's.</param>
/// <param name="Zones">Zones that answered.</param>
/// <param name="RefusedZones">Zones that the project may not use, so that they have no resources of it.</param>
/// <param name="Live">Resources in use by live runs of this service.</param>
/// <param name="Problem">Why the project, or some of its zones, could not be listed; null if all could.</param>
/// <param name="Fix">The remedy.</param>
public sealed record SweptProject(
    string Project, bool IsRehearsal, int Zones, int RefusedZones, int Live, string? Problem, string? Fix);

/// <summary>A resource with a run's label.</summary>
/// <param name="Name">Full resource name.</param>
/// <param name="Kind">The kind of the resource.</param>
/// <param name="IsRehearsal">true if it is the emulator's, and costs nothing.</param>
/// <param name="Zone">The zone.</param>
/// <param name="AcceleratorType">The accelerator type that it has or waits for.</param>
/// <param name="State">The cloud's state.</param>
/// <param name="CreatedAt">Time of its creation; null if the cloud does not give it.</param>
/// <param name="UsdPerHour">List price in US dollars an hour; null if it is free or has no price.</param>
/// <param name="Run">The run that its label names; anybody can write labels.</param>
/// <param name="Service">The service that its label names; null for none.</param>
/// <param name="Owner">Its owner.</param>
/// <param name="Why">The reason for the owner, in one sentence.</param>
/// <param name="Step">The action taken.</param>
/// <param name="Refusal">The cloud's message, if it refused the deletion.</param>
public sealed record FoundResource(
    string Name, ResourceKind Kind, bool IsRehearsal, string Zone, string AcceleratorType, string State,
    DateTimeOffset? CreatedAt, double? UsdPerHour, string Run, string? Service, ResourceOwner Owner, string Why,
    SweepStep Step, string? Refusal);

/// <summary>The proof that a sweep's deletion is done.</summary>
/// <param name="Name">Full resource name.</param>
/// <param name="Kind">The kind of the resource.</param>
/// <param name="Run">The run that it named.</param>
/// <param name="Operation">Name of the cloud's operation; empty if it was being deleted already.</param>
/// <param name="AskedAt">Time of the first request to delete it.</param>
/// <param name="GoneAt">Time of the cloud's answer that proves it.</param>
/// <param name="State">NOT_FOUND, or REPLACED if another resource with its name exists.</param>
public sealed record SweptFact(
    string Name, ResourceKind Kind, string Run, string Operation, DateTimeOffset AskedAt, DateTimeOffset GoneAt,
    string State);

/// <summary>Settings of the automatic sweep.</summary>
/// <param name="Interval">Time from one sweep to the next; zero for no sweeps.</param>
/// <param name="Stopping">Ends a sweep when the service stops; the next start makes another one.</param>
public sealed record SweepSettings(TimeSpan Interval, CancellationToken Stopping = default);

/// <summary>Facts about the service's runs that a sweep needs.</summary>
public interface IRunStandings
{
    /// <summary>Gets the emulated projects that have resources now.</summary>
    public IReadOnlyList<string> RehearsalProjects { get; }

    /// <summary>Returns whether a run is under way.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>false for a run that has ended, and for one that the engine does not know.</returns>
    public Task<bool> IsLiveAsync(RunId runId, CancellationToken cancellationToken);
}
