namespace Workflows.TpuWorker.Gemma3.Lora;

/// <summary>Linear layers to adapt, in every layer of the model.</summary>
[Flags]
public enum LoraTargets
{
    /// <summary>None; not a usable choice.</summary>
    None = 0,

    /// <summary>q_proj: queries of the attention.</summary>
    Query = 1,

    /// <summary>k_proj: keys of the attention.</summary>
    Key = 2,

    /// <summary>v_proj: values of the attention.</summary>
    Value = 4,

    /// <summary>o_proj: output of the attention.</summary>
    Output = 8,

    /// <summary>gate_proj: gate of the feed-forward block.</summary>
    Gate = 16,

    /// <summary>up_proj: input projection of the feed-forward block.</summary>
    Up = 32,

    /// <summary>down_proj: output projection of the feed-forward block.</summary>
    Down = 64,

    /// <summary>The four of the attention.</summary>
    Attention = Query | Key | Value | Output,

    /// <summary>The three of the feed-forward block.</summary>
    FeedForward = Gate | Up | Down,

    /// <summary>All seven.</summary>
    All = Attention | FeedForward,
}
