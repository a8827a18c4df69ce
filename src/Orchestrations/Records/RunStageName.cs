using System.Text.Json.Serialization;

namespace Workflows.Orchestrations;

/// <summary>The stages of a run, in their order.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RunStageName>))]
public enum RunStageName
{
    /// <summary>Not begun yet.</summary>
    [JsonStringEnumMemberName("pending")]
    Pending,

    /// <summary>Choosing zones and estimating the cost.</summary>
    [JsonStringEnumMemberName("plan")]
    Plan,

    /// <summary>Cleaning and splitting the corpus.</summary>
    [JsonStringEnumMemberName("prepare")]
    Prepare,

    /// <summary>Getting a TPU and fine-tuning on it.</summary>
    [JsonStringEnumMemberName("train")]
    Train,

    /// <summary>Translating the test set with both models, and scoring.</summary>
    [JsonStringEnumMemberName("evaluate")]
    Evaluate,

    /// <summary>Releasing every node.</summary>
    [JsonStringEnumMemberName("teardown")]
    Teardown,

    /// <summary>Writing the report.</summary>
    [JsonStringEnumMemberName("report")]
    Report,

    /// <summary>Everything has been done.</summary>
    [JsonStringEnumMemberName("done")]
    Done,

    /// <summary>
    /// Compiling programs for the TPU: a part of training and evaluation that only costs and reports count separately.
    /// </summary>
    [JsonStringEnumMemberName("compile")]
    Compile,

    /// <summary>Waiting for a person's approval, between the preparation and the first TPU.</summary>
    [JsonStringEnumMemberName("approve")]
    Approve,
}
