using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Service.Runs;

/// <summary>Reads the variants of a request: each is the request with some fields changed (RFC 7396).</summary>
internal static partial class VariantReader
{
    /// <summary>Most variants of a request: each one rents a TPU, so a person has chosen them.</summary>
    public const int Most = 32;

    private static readonly JsonNodeOptions AnyCase = new() { PropertyNameCaseInsensitive = true };

    /// <summary>Refuses fields of variants in a request without.</summary>
    public static void RequireNone(RunRequest request, RequestCheck check)
    {
        foreach (var (isGiven, field) in new[]
        {
            (request.Concurrency is not null, "concurrency"), (request.StopOnFailure is not null, "stopOnFailure"),
            (request.Handover is not null, "handover"),
        })
        {
            check.That(
                !isGiven, field, "There are no variants.",
                "Add \"variants\": [{\"training\": {...}}, ...], or leave it out.");
        }
    }

    /// <summary>Completes a request that has variants.</summary>
    /// <param name="request">The request.</param>
    /// <param name="runId">Id to use if the request has none.</param>
    /// <param name="check">Collects the faults of the common fields.</param>
    /// <param name="complete">Completes one run.</param>
    /// <returns>The group.</returns>
    /// <exception cref="RunRequestException">The request is wrong; every fault is listed.</exception>
    public static RunSpec Complete(
        RunRequest request, RunId runId, RequestCheck check, Func<RunRequest, RunId, RequestCheck, RunSpec> complete)
    {
        var variants = request.Variants!;
        RequireCount(variants);
        var id = RunId.TryParse(request.Id, out var given) ? given : runId;
        var concurrency = check.InRange(request.Concurrency ?? 1, "concurrency", 1, Most);
        var handover = request.Handover ?? true;
        var names = Names(variants, id, request.Id is not null, check);
        var common = Common(request, check);
        for (var at = 0; at < variants.Count; at++)
        {
            RequireComparable(request, variants[at], $"variants[{at}].", check);
            if (common.Training!.Validation!.Metric is null or "loss")
            {
                RequireSamePairs(request, variants[at], $"variants[{at}].", check);
            }
        }

        // The faults of the common fields once, and not again with each variant.
        RunSpec? group = null;
        var faults = new List<FieldError>();
        Collect(common, id, "");
        var patches = variants.Select(PatchOf).ToList();
        var runs = new List<RunVariant>();
        for (var at = 0; at < variants.Count && group is not null; at++)
        {
            var twin = patches.FindIndex(each => JsonNode.DeepEquals(each, patches[at]));
            check.That(
                twin == at, $"variants[{at}]", $"It changes the same as variants[{twin}].",
                "Leave one of them out, or give it another training.seed.");
            var name = names[at];
            if (name is not null && Collect(
                Merged(common, patches[at]), new RunId($"{id}-{name}"), $"variants[{at}].") is { } run)
            {
                runs.Add(new RunVariant(name, patches[at].ToJsonString(), run with
                {
                    Name = $"{group.Name}: {name}",
                    Project = group.Project,
                    Handover = handover,
                    Approval = null,
                    Group = new VariantGroup(id, name) { MaxHours = group.MaxHours, Approval = group.Approval },
                }));
            }
        }

        faults.AddRange(check.Errors);
        return faults.Count > 0 ? throw new RunRequestException(faults) : group! with
        {
            Variants = runs,
            Concurrency = concurrency,
            Handover = handover,
            StopOnFailure = request.StopOnFailure ?? false,
        };

        RunSpec? Collect(RunRequest one, RunId its, string prefix)
        {
            var checks = check.Another();
            try
            {
                var spec = complete(one, its, checks);
                group ??= spec;
                return spec;
            }
            catch (RunRequestException exception)
            {
                faults.AddRange(exception.Errors.Select(
                    error => new FieldError(prefix + error.Field, error.Message, error.Fix)));
                return null;
            }
        }
    }

    private static void RequireCount(IReadOnlyList<VariantRequest> variants)
    {
        if (variants.Count is 0 or > Most)
        {
            throw new RunRequestException([new FieldError(
                "variants",
                variants.Count == 0 ? "The list is empty." : $"It has {variants.Count} variants, {Most} at most.",
                variants.Count == 0
                    ? "Give at least one variant, such as {\"training\": {\"learningRate\": 0.0002}}, or leave the "
                        + "list out."
                    : "Start several runs, or leave some of them out.")]);
        }

        if (variants.Index().FirstOrDefault(each => each.Item is null) is (var at, null) && variants[at] is null)
        {
            throw new RunRequestException([new FieldError(
                $"variants[{at}]", "It is null.", "Write an object, or leave it out.")]);
        }
    }

    /// <summary>Returns the name of each variant; null for one that is wrong.</summary>
    private static List<string?> Names(
        IReadOnlyList<VariantRequest> variants, RunId id, bool isGiven, RequestCheck check)
    {
        var names = new List<string?>();
        for (var at = 0; at < variants.Count; at++)
        {
            var name = variants[at].Name ?? $"{at + 1}";
            var field = $"variants[{at}].name";
            var isName = Name().IsMatch(name);
            check.That(
                isName, field, $"'{name}' is no name of a variant.",
                "Use 1 to 20 lower-case letters, digits and dashes, not a dash at the beginning or end: it is the end "
                + "of the run's id.");
            var isNew = !names.Contains(name);
            check.That(
                isNew, field, $"'{name}' is the name of another variant.",
                variants[at].Name is null
                    ? "A variant without a name has its number in the list: give it another name."
                    : "Give each variant a name of its own.");
            var fits = !isName || RunId.TryParse($"{id}-{name}", out _);
            check.That(
                fits, isGiven ? "id" : field, $"'{id}-{name}', the id of the variant, has more than 40 characters.",
                "Use a shorter id of the run, or shorter names.");
            names.Add(isName && isNew && fits ? name : null);
        }

        return names;
    }

    /// <summary>
    /// Returns the fields that all variants share. Variants always validate, since the validation chooses the best.
    /// </summary>
    private static RunRequest Common(RunRequest request, RequestCheck check)
    {
        var variants = request.Variants!;
        var models = variants.Select(variant => variant.Model ?? request.Model)
            .Distinct(StringComparer.Ordinal).Count();
        var training = request.Training ?? new TrainingRequest();
        var validation = training.Validation ?? new ValidationRequest();
        check.That(
            models == 1 || validation.Metric is null or "chrf", "training.validation.metric",
            "The variants have different models, whose losses do not compare.", "Use \"chrf\", or leave it out.");
        return request with
        {
            Variants = null,
            Concurrency = null,
            Handover = null,
            StopOnFailure = null,
            Model = request.Model ?? variants[0].Model,
            Training = training with
            {
                Validation = validation with { Metric = validation.Metric ?? (models > 1 ? "chrf" : null) },
            },
        };
    }

    /// <summary>Refuses changes after which validation scores would not compare.</summary>
    private static void RequireComparable(
        RunRequest request, VariantRequest variant, string prefix, RequestCheck check)
    {
        check.That(
            variant.Model is not null || request.Model is not null || request.Variants!.All(each => each.Model is null),
            $"{prefix}model", "Other variants have a model, and this one has none.",
            "Name its model, or write one beside \"variants\" for those without.");
        var validation = variant.Training?.Validation;
        foreach (var (isGiven, field) in new[]
        {
            (validation?.Metric is not null, "metric"), (validation?.MaxPairs is not null, "maxPairs"),
        })
        {
            check.That(
                !isGiven, $"{prefix}training.validation.{field}",
                "All variants have it in common, because the validation chooses the best of them.",
                $"Write it beside \"variants\", as training.validation.{field}.");
        }
    }

    /// <summary>
    /// Refuses changes after which the loss would be that of other pairs: an example longer than
    /// <c>training.maxLength</c>, with its prompt, is not measured. chrF measures every pair.
    /// </summary>
    private static void RequireSamePairs(
        RunRequest request, VariantRequest variant, string prefix, RequestCheck check)
    {
        foreach (var (isOther, field) in new[]
        {
            (variant.Training?.MaxLength is { } length && length != request.Training?.MaxLength, "training.maxLength"),
            (variant.Prompt is { } prompt && prompt != request.Prompt, "prompt"),
            (variant.PromptTemplate is { } template && template != request.PromptTemplate, "promptTemplate"),
        })
        {
            check.That(
                !isOther, prefix + field,
                "Validation pairs longer than training.maxLength with their prompt are left out of the loss, so losses "
                + "of variants that differ in it are of different pairs.",
                $"Set training.validation.metric to \"chrf\", which measures all pairs, or write {field} beside "
                + "\"variants\".");
        }
    }

    private static JsonObject PatchOf(VariantRequest variant) => JsonNode.Parse(
        JsonSerializer.Serialize(variant with { Name = null }, RunLedger.Json), AnyCase)!.AsObject();

    private static RunRequest Merged(RunRequest common, JsonObject patch)
    {
        var request = JsonNode.Parse(JsonSerializer.Serialize(common, RunLedger.Json), AnyCase)!.AsObject();
        request.Remove("id");
        if (patch["training"] is JsonObject training && training["lora"] is null
            && training["method"]?.GetValue<string>() == "full")
        {
            // The adapter of the request is one of the other variants.
            (request["training"] as JsonObject)?.Remove("lora");
        }

        SpecRequest.Merge(request, patch);
        return request.Deserialize<RunRequest>(RunLedger.Json)!;
    }

    // "$" would also match before a line break at the end.
    [GeneratedRegex(@"^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?\z", RegexOptions.CultureInvariant)]
    private static partial Regex Name();
}
