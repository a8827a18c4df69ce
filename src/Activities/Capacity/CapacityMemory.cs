using System.Text.Json.Serialization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Workflows.Activities.Storage;
using Workflows.Orchestrations;

namespace Workflows.Activities.Capacity;

/// <summary>
/// Remembers for all runs how places answered: refusals, the wait until a node was usable, requests in vain, and the
/// life of nodes that were lost. A place that was refused for a lasting reason is skipped until its entry expires, so
/// that the next run does not repeat every failure of the last. Facts are appended to <c>capacity.jsonl</c> of the
/// store, which may be deleted at any time while no service runs.
/// </summary>
/// <param name="state">The store.</param>
/// <param name="clock">Gives the time.</param>
/// <param name="logger">Tells of a memory that was lost; null for none.</param>
public sealed class CapacityMemory(IStateStore state, TimeProvider clock, ILogger<CapacityMemory>? logger = null)
{
    /// <summary>Days for which waits and lives are remembered; chosen, since capacity changes with the weeks.</summary>
    private const double SeenDays = 30;

    /// <summary>Factor of the time for which a rehearsal's waits are remembered; its project is its own.</summary>
    internal const double RehearsalPace = 1.0 / 30;

    private readonly Lock _lock = new();
    private readonly CapacityFile _file = new(state, clock, logger ?? NullLogger<CapacityMemory>.Instance);

    /// <summary>Opens the memory in a state folder.</summary>
    /// <param name="stateDirectory">The folder.</param>
    /// <param name="clock">Gives the time.</param>
    /// <param name="logger">Tells of a memory that was lost; null for none.</param>
    public CapacityMemory(string stateDirectory, TimeProvider clock, ILogger<CapacityMemory>? logger = null)
        : this(new FolderState(stateDirectory), clock, logger)
    {
    }

    /// <summary>Remembers a refusal.</summary>
    /// <param name="project">The project that was refused.</param>
    /// <param name="candidate">The place.</param>
    /// <param name="refusal">The refusal; one whose time to be remembered is zero is not kept.</param>
    /// <param name="pace">Factor of the time for which it is remembered: a rehearsal's clock runs faster.</param>
    /// <returns>The refusal, one of a region with the time until which it holds.</returns>
    public Refusal Remember(string project, Candidate candidate, Refusal refusal, double pace = 1)
    {
        ArgumentNullException.ThrowIfNull(refusal);
        if (refusal.RememberSeconds <= 0 || refusal.Scope is RefusalScope.Project or RefusalScope.Request)
        {
            return refusal;
        }

        var isOfRegion = refusal.Scope == RefusalScope.Region;
        var until = clock.GetUtcNow().AddSeconds(refusal.RememberSeconds * pace);
        Note(project, isOfRegion ? candidate.Region : candidate.Zone, candidate, new CapacityFact(
            CapacityKind.Refused, until)
        {
            Code = refusal.Code,
            Reason = refusal.Reason,
        });
        return isOfRegion ? refusal with { RegionUntil = until } : refusal;
    }

    /// <summary>Remembers that a node was usable.</summary>
    /// <param name="project">Its project.</param>
    /// <param name="candidate">Its place.</param>
    /// <param name="seconds">Seconds from the request until it was usable.</param>
    /// <param name="pace">Factor of the time for which it is remembered.</param>
    public void RememberWait(string project, Candidate candidate, double seconds, double pace = 1) =>
        Note(project, candidate.Zone, candidate, new CapacityFact(CapacityKind.Ready, SeenUntil(pace))
        {
            Seconds = seconds,
        });

    /// <summary>Remembers that a node was lost.</summary>
    /// <param name="project">Its project.</param>
    /// <param name="candidate">Its place.</param>
    /// <param name="seconds">Seconds for which it was READY.</param>
    /// <param name="pace">Factor of the time for which it is remembered.</param>
    public void RememberLoss(string project, Candidate candidate, double seconds, double pace = 1) =>
        Note(project, candidate.Zone, candidate, new CapacityFact(CapacityKind.Lost, SeenUntil(pace))
        {
            Seconds = seconds,
        });

    /// <summary>Remembers that a request for a node was in vain, for longer than its refusal holds.</summary>
    /// <param name="project">Its project.</param>
    /// <param name="candidate">Its place.</param>
    /// <param name="seconds">Seconds from the request until it had failed.</param>
    /// <param name="pace">Factor of the time for which it is remembered.</param>
    public void RememberInVain(string project, Candidate candidate, double seconds, double pace = 1) =>
        Note(project, candidate.Zone, candidate, new CapacityFact(CapacityKind.InVain, SeenUntil(pace))
        {
            Seconds = seconds,
        });

    /// <summary>Looks a place up.</summary>
    /// <param name="project">The project.</param>
    /// <param name="candidate">The place.</param>
    /// <returns>The refusal that still holds, or null.</returns>
    public Remembered? Find(string project, Candidate candidate)
    {
        lock (_lock)
        {
            // The longest one counts: a region that is refused for a day is not asked again after a zone's minutes.
            return new[]
            {
                (Place: candidate.Zone, Scope: RefusalScope.Zone),
                (Place: candidate.Region, Scope: RefusalScope.Region),
            }
                .Select(each => (each.Scope, Fact: _file.Read(KeyOf(project, each.Place, candidate))
                    .LastOrDefault(fact => fact.Kind == CapacityKind.Refused)))
                .Where(each => each.Fact is not null)
                .Select(each => new Remembered(each.Fact!.Until, each.Fact.Code ?? "", each.Fact.Reason ?? "")
                {
                    Scope = each.Scope,
                })
                .MaxBy(each => each.Until);
        }
    }

    /// <summary>Returns the longest remembered wait for a node of a type and mode, in any zone.</summary>
    /// <param name="project">The project.</param>
    /// <param name="candidate">A place of the type and mode.</param>
    /// <returns>Seconds; null if none is remembered.</returns>
    public double? LongestWait(string project, Candidate candidate)
    {
        ArgumentNullException.ThrowIfNull(candidate);
        lock (_lock)
        {
            var mode = WireName.Of(candidate.Provisioning);
            return _file.All().Where(each => each.Key.Project == project
                    && each.Key.AcceleratorType == candidate.AcceleratorType && each.Key.Provisioning == mode)
                .SelectMany(each => each.Facts).Where(fact => fact.Kind == CapacityKind.Ready)
                .Select(fact => fact.Seconds).Max();
        }
    }

    /// <summary>Returns the expected life of a spot node.</summary>
    /// <param name="project">The project.</param>
    /// <param name="candidate">The place.</param>
    /// <param name="alive">Seconds for which a node there is alive now.</param>
    /// <returns>Its life, by the nodes that were lost there and the one that is alive.</returns>
    public SpotLife LifeOf(string project, Candidate candidate, double alive = 0)
    {
        ArgumentNullException.ThrowIfNull(candidate);
        lock (_lock)
        {
            return SpotLife.Of(_file.Read(KeyOf(project, candidate.Zone, candidate)), alive);
        }
    }

    /// <summary>Takes what is remembered of the places of a project at this moment.</summary>
    /// <param name="project">The project.</param>
    /// <returns>The places.</returns>
    internal PlacePasts PastsOf(string project)
    {
        lock (_lock)
        {
            return new PlacePasts(
                project,
                _file.All().Where(each => each.Key.Project == project)
                    .ToDictionary(each => each.Key, each => each.Facts));
        }
    }

    /// <summary>Lists the refusals that still hold.</summary>
    /// <returns>The refusals, by project, place, type and provisioning.</returns>
    public IReadOnlyList<RememberedPlace> All()
    {
        lock (_lock)
        {
            return
            [
                .. from each in _file.All()
                   let fact = each.Facts.LastOrDefault(fact => fact.Kind == CapacityKind.Refused)
                   where fact is not null
                   select new RememberedPlace(
                       each.Key.Project, each.Key.Place, each.Key.AcceleratorType, each.Key.Provisioning, fact.Until,
                       fact.Code ?? "", fact.Reason ?? ""),
            ];
        }
    }

    /// <summary>Lists the places with what is remembered of them.</summary>
    /// <returns>The places, by project, place, type and provisioning.</returns>
    public IReadOnlyList<SeenPlace> Seen()
    {
        lock (_lock)
        {
            return [.. _file.All().Select(each => SeenPlace.Of(each.Key, each.Facts))];
        }
    }

    /// <summary>Forgets refusals, waits and lives, so that the next run tries those places again.</summary>
    /// <param name="places">The places.</param>
    /// <returns>The number of places forgotten, each with its type, mode and project.</returns>
    public int Forget(ForgottenPlace places)
    {
        ArgumentNullException.ThrowIfNull(places);
        lock (_lock)
        {
            var count = _file.All().Count(each => places.Has(each.Key));
            if (count > 0)
            {
                _file.Forget(places);
            }

            return count;
        }
    }

    private static CapacityKey KeyOf(string project, string place, Candidate candidate) =>
        new(project, place, candidate.AcceleratorType, WireName.Of(candidate.Provisioning));

    private DateTimeOffset SeenUntil(double pace) => clock.GetUtcNow().AddDays(SeenDays * pace);

    private void Note(string project, string place, Candidate candidate, CapacityFact fact)
    {
        // A clock that was put back leaves no time below zero: a mean life of 0 or less would have no price.
        fact = fact.Seconds is < 0 ? fact with { Seconds = 0 } : fact;
        lock (_lock)
        {
            _file.Add(KeyOf(project, place, candidate), fact);
        }
    }
}

/// <summary>What is remembered of a place.</summary>
/// <param name="Project">The project.</param>
/// <param name="Place">A zone, or a region.</param>
/// <param name="AcceleratorType">The type.</param>
/// <param name="Provisioning">The mode.</param>
/// <param name="Nodes">Nodes that were usable.</param>
/// <param name="WaitSeconds">Median time from the request until a node was usable; null without one.</param>
/// <param name="LongestWaitSeconds">The longest such time.</param>
/// <param name="Losses">Nodes that were lost.</param>
/// <param name="LifeSeconds">Median time for which lost nodes were READY; null without one.</param>
/// <param name="Refused">The refusal that still holds; null for none.</param>
public sealed record SeenPlace(
    string Project, string Place, string AcceleratorType, string Provisioning, int Nodes, double? WaitSeconds,
    double? LongestWaitSeconds, int Losses, double? LifeSeconds, Remembered? Refused)
{
    /// <summary>Gets the requests for nodes that were in vain.</summary>
    public int InVain { get; init; }

    /// <summary>Adds up the facts of a place.</summary>
    internal static SeenPlace Of(CapacityKey key, IReadOnlyList<CapacityFact> facts)
    {
        var waits = Sorted(CapacityKind.Ready);
        var lives = Sorted(CapacityKind.Lost);
        var refusal = facts.LastOrDefault(fact => fact.Kind == CapacityKind.Refused);
        return new SeenPlace(
            key.Project, key.Place, key.AcceleratorType, key.Provisioning, waits.Count, Median(waits),
            waits.Count > 0 ? waits[^1] : null, lives.Count, Median(lives),
            refusal is null ? null : new Remembered(refusal.Until, refusal.Code ?? "", refusal.Reason ?? ""))
        {
            InVain = facts.Count(fact => fact.Kind == CapacityKind.InVain),
        };

        List<double> Sorted(CapacityKind kind) =>
            [.. facts.Where(fact => fact.Kind == kind).Select(fact => fact.Seconds ?? 0).Order()];
    }

    private static double? Median(List<double> sorted) => sorted.Count == 0
        ? null : (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
}

/// <summary>A remembered refusal.</summary>
/// <param name="Until">Time at which the entry expires.</param>
/// <param name="Code">Its code.</param>
/// <param name="Reason">The cloud's message.</param>
public sealed record Remembered(DateTimeOffset Until, string Code, string Reason)
{
    /// <summary>Gets the scope of the refusal: the zone, or the whole region.</summary>
    [JsonIgnore]
    public RefusalScope Scope { get; init; }
}

/// <summary>A remembered refusal with its place.</summary>
/// <param name="Project">The project that was refused.</param>
/// <param name="Place">A zone, or a region.</param>
/// <param name="AcceleratorType">The requested type.</param>
/// <param name="Provisioning">The requested mode.</param>
/// <param name="Until">Time at which the entry expires.</param>
/// <param name="Code">Its code in docs/errors.md.</param>
/// <param name="Reason">The cloud's message.</param>
public sealed record RememberedPlace(
    string Project, string Place, string AcceleratorType, string Provisioning, DateTimeOffset Until, string Code,
    string Reason);
