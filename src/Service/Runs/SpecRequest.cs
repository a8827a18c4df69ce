using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.Activities.Capacity;
using Workflows.Activities.Reporting;
using Workflows.Orchestrations;

namespace Workflows.Service.Runs;

/// <summary>Converts a run's specification back into the request that gives it, to change single fields.</summary>
internal static class SpecRequest
{
    /// <summary>Stands for files that are not looked at.</summary>
    private const string AnyFile = "/pairs.tsv";

    private static readonly JsonNodeOptions AnyCase = new() { PropertyNameCaseInsensitive = true };

    /// <summary>Returns the request. The rehearsal's scenario is not in it, since its project has it.</summary>
    public static RunRequest Of(RunSpec spec)
    {
        var (data, tpu, training, evaluation) = (spec.Data, spec.Tpu, spec.Training, spec.Evaluation);
        return new RunRequest
        {
            Id = spec.RunId.Value,
            Name = spec.Name,
            Project = spec.IsRehearsal ? null : spec.Project,
            Direction = WireName.Of(spec.Direction),
            Model = spec.Model,
            Prompt = spec.Prompt,
            PromptTemplate = spec.PromptTemplate,
            Data = new DataRequest
            {
                Train = data.Train,
                Test = data.Test,
                TestFraction = data.TestFraction,
                MaxTestPairs = data.MaxTestPairs,
                Validation = data.Validation,
            },
            Tpu = new TpuRequest
            {
                AcceleratorTypes = tpu.AcceleratorTypes,
                Zones = tpu.Zones,
                Order = WireName.Of(tpu.Order),
                Provisioning = WireName.Of(tpu.Provisioning),
                RuntimeVersion = tpu.RuntimeVersion,
                AcquireTimeoutSeconds = tpu.AcquireTimeoutSeconds,
                MaxUsdPerHour = tpu.MaxUsdPerHour,
                MaxPreemptions = tpu.MaxPreemptions,
                MaxFailures = tpu.MaxFailures,
                Request = WireName.Of(tpu.Request),
                QueueSeconds = tpu.Request == RequestWay.QueuedResource ? tpu.QueueSeconds : null,
                MaxRunHours = tpu.MaxRunHours > 0 ? tpu.MaxRunHours : null,
                Fallback = tpu.Fallback != SpotFallback.None || spec.Deadline is not null
                    ? WireName.Of(tpu.Fallback) : null,
                Move = tpu.Move != MoveChoice.None || spec.Deadline is not null ? WireName.Of(tpu.Move) : null,
                Network = tpu.Network,
                Subnetwork = tpu.Subnetwork,
                ServiceAccount = tpu.ServiceAccount,
                ExternalIp = !tpu.WithoutExternalIp,
            },
            Training = new TrainingRequest
            {
                Steps = training.Steps,
                BatchSize = training.BatchSize,
                AccumulationSteps = training.AccumulationSteps,
                Method = training.Method,
                Lora = training.Method != "lora" ? null : new LoraRequest
                {
                    Rank = training.Lora.Rank,
                    Alpha = training.Lora.Alpha,
                    Dropout = training.Lora.Dropout,
                    Targets = training.Lora.Targets,
                    RankStabilized = training.Lora.RankStabilized,
                },
                Schedule = training.Schedule,
                Pack = training.Pack,
                MaxGradientNorm = training.MaxGradientNorm,
                Validation = training.Validation is not { } validation ? null : new ValidationRequest
                {
                    Metric = validation.Metric,
                    EverySteps = validation.EverySteps,
                    Patience = validation.Patience,
                    MaxPairs = validation.MaxPairs,
                },
                Keep = training.Keep,
                KeepCheckpoints = training.KeepCheckpoints,
                LearningRate = training.LearningRate,
                WarmupSteps = training.WarmupSteps,
                WeightDecay = training.WeightDecay,
                MaxLength = training.MaxLength,
                CheckpointEverySteps = training.CheckpointEverySteps,
                Seed = training.Seed,
            },
            Evaluation = new EvaluationRequest
            {
                MaxNewTokens = evaluation.MaxNewTokens,
                BatchSize = evaluation.BatchSize,
                BeamSize = evaluation.BeamSize,
                LengthPenalty = evaluation.LengthPenalty,
                LongInput = evaluation.LongInput,
                BleuTokenizer = evaluation.BleuTokenizer,
                BootstrapSamples = evaluation.BootstrapSamples,
                Seed = evaluation.Seed,
            },
            BudgetUsd = spec.BudgetUsd,
            MaxHours = spec.Group is null ? spec.MaxHours : spec.Group.MaxHours,
            Deadline = DeadlineReader.Write(spec.Deadline),
            AfterDeadline = spec.StopsAtDeadline ? "stop" : null,
            AllowOverBudget = spec.AllowOverBudget,
            Approval = (spec.Approval ?? spec.Group?.Approval) is not { } approval ? null : new ApprovalRequest
            {
                WithinHours = approval.WithinHours,
                AboveUsd = approval.AboveUsd,
            },
            AllowHostProcessor = spec.AllowHostProcessor,
            Rehearsal = spec.IsRehearsal ? new RehearsalRequest() : null,
            Variants = spec.Variants is not { } variants ? null : [.. variants.Select(
                variant => JsonSerializer.Deserialize<VariantRequest>(variant.Changes, RunLedger.Json)! with
                {
                    Name = variant.Name,
                })],
            Concurrency = spec.Variants is null ? null : spec.Concurrency,
            Handover = spec.Variants is null ? null : spec.Handover,
            StopOnFailure = spec.StopOnFailure ? true : null,
        };
    }

    /// <summary>Applies changes to a specification, as a JSON merge patch (RFC 7396): null removes a field.</summary>
    /// <param name="spec">The specification.</param>
    /// <param name="changes">The changed fields, a JSON object.</param>
    /// <param name="catalog">The known accelerator types and zones.</param>
    /// <param name="roots">The places that changes may name.</param>
    /// <returns>The new specification, with the pace of the old one.</returns>
    /// <exception cref="RunRequestException">Fields are wrong or unknown.</exception>
    public static RunSpec Changed(RunSpec spec, string changes, PriceCatalog catalog, InputRoots roots)
    {
        var asked = RunRequestReader.Parse(changes);
        var request = Merged(spec, asked, changes, catalog);

        // Files that are not changed may have been moved since they were read.
        var isSame = asked.Model is null && asked.Data is null;
        if (isSame)
        {
            request["data"] = new JsonObject
            {
                ["train"] = AnyFile,
                ["validation"] = spec.Data.Validation is null ? null : AnyFile,
            };
        }

        var merged = RunRequestReader.Parse(request.ToJsonString());
        var changed = isSame
            ? RunRequestReader.CompleteWithoutFiles(merged, spec.RunId, catalog)
            : RunRequestReader.Complete(merged, spec.RunId, catalog, roots);
        changed = Kept(changed);
        return changed.Variants is not { } variants ? changed : changed with
        {
            Variants = [.. variants.Select(variant => variant with { Spec = Kept(variant.Spec) })],
        };

        RunSpec Kept(RunSpec one) => one with { Data = isSame ? spec.Data : one.Data, Pace = spec.Pace };
    }

    /// <summary>Returns the request of another run like this one.</summary>
    /// <param name="spec">The specification.</param>
    /// <param name="changes">The changed fields, as a JSON merge patch: <c>id</c> may be one of them.</param>
    /// <param name="catalog">The known accelerator types and zones.</param>
    /// <returns>The request, without the id of the run; not checked.</returns>
    /// <exception cref="RunRequestException">Changed fields are of a wrong kind or unknown.</exception>
    public static RunRequest Again(RunSpec spec, string changes, PriceCatalog catalog)
    {
        var asked = RunRequestReader.Parse(changes);
        var request = Merged(spec, asked, changes, catalog);
        if (asked.Id is null)
        {
            request.Remove("id");
        }

        if (asked.Name is null && (spec.Name == spec.RunId.Value || spec.Group is not null))
        {
            // Named by its id, because no name was given; or by its group, with which the name may be too long.
            request.Remove("name");
        }

        return RunRequestReader.Parse(request.ToJsonString());
    }

    private static JsonObject Merged(RunSpec spec, RunRequest asked, string changes, PriceCatalog catalog)
    {
        var request = ToJson(Of(spec));
        LeaveFlexStart(request, asked);
        Merge(request, JsonNode.Parse(changes, AnyCase)!.AsObject());
        if (asked.Tpu?.Zones is null && spec.Tpu.Zones.Any(zone => !catalog.Zones.Contains(zone))
            && request["tpu"] is JsonObject tpu)
        {
            // The first request has allowed them, which the specification does not keep.
            tpu["allowUnknownZones"] = true;
        }

        return request;
    }

    /// <summary>Removes the fields that do not go with another mode to which a request changes.</summary>
    private static void LeaveFlexStart(JsonObject request, RunRequest asked)
    {
        if (asked.Tpu?.Provisioning is { } mode && request["tpu"] is JsonObject tpu)
        {
            tpu.Remove(mode == WireName.Of(ProvisioningMode.FlexStart) ? "request" : "maxRunHours");
        }
    }

    /// <summary>Lists the fields in which two specifications differ.</summary>
    public static IReadOnlyList<FieldChange> Differences(RunSpec before, RunSpec after)
    {
        var changes = new List<FieldChange>();
        Compare(ToJson(Of(before)), ToJson(Of(after)), "", changes);
        return changes;
    }

    private static JsonObject ToJson(RunRequest request) => JsonNode.Parse(
        JsonSerializer.Serialize(request, RunLedger.Json), AnyCase)!.AsObject();

    /// <summary>Applies a merge patch (RFC 7396): null removes a field.</summary>
    internal static void Merge(JsonObject target, JsonObject patch)
    {
        foreach (var (name, value) in patch)
        {
            if (value is JsonObject inner)
            {
                if (target[name] is not JsonObject)
                {
                    target[name] = new JsonObject(AnyCase);
                }

                Merge(target[name]!.AsObject(), inner);
            }
            else if (value is null)
            {
                target.Remove(name);
            }
            else
            {
                target[name] = value.DeepClone();
            }
        }
    }

    private static void Compare(JsonObject before, JsonObject after, string path, List<FieldChange> changes)
    {
        foreach (var name in before.Select(field => field.Key).Union(after.Select(field => field.Key)))
        {
            var (old, now) = (before[name], after[name]);
            if (old is JsonObject oldObject && now is JsonObject nowObject)
            {
                Compare(oldObject, nowObject, $"{path}{name}.", changes);
            }
            else if (!JsonNode.DeepEquals(old, now))
            {
                changes.Add(new FieldChange(
                    path + name, old?.ToJsonString(RunLedger.Json), now?.ToJsonString(RunLedger.Json)));
            }
        }
    }
}
