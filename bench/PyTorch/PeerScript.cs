namespace Workflows.PyTorch.Bench;

/// <summary>
/// What transformers' modeling_gemma3.py does on a CPU in single precision with its default attention, as TorchScript:
/// the same operations of PyTorch in the same order, called without Python. What Python would cost is absent, which
/// favours the peer: most of all with small tensors.
/// </summary>
/// <remarks>
/// As in transformers: norms spelled out, angles computed in each pass, no mask and is_causal where nothing is padded
/// and the text fits the window (which holds for what is measured here, and is not checked), key-value heads shared by
/// enable_gqa, the cache grown by cat, scores of all positions in training and of the last one in generation,
/// cross-entropy in one piece, the fused AdamW. Left out: casts that change nothing in single precision.
/// </remarks>
internal static class PeerScript
{
    /// <summary>
    /// weights: the embedding, thirteen of each layer in the order of the forward pass, the last norm.
    /// period: how many layers have one with global attention, the last. Results: scores, then each layer's keys and
    /// values.
    /// </summary>
    public const string Source = """
        def norm(x: Tensor, w: Tensor) -> Tensor:
            y = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
            return y * (1.0 + w)

        def angles(frequencies: Tensor, positions: Tensor) -> List[Tensor]:
            turned = (frequencies[None, :, None] @ positions[:, None, :]).transpose(1, 2)
            both = torch.cat([turned, turned], dim=-1)
            return [both.cos().unsqueeze(1), both.sin().unsqueeze(1)]

        def rotate(x: Tensor, at: List[Tensor]) -> Tensor:
            half = x.size(-1) // 2
            turned = torch.cat([-x[..., half:], x[..., :half]], dim=-1)
            return (x * at[0]) + (turned * at[1])

        def layer(h: Tensor, w: List[Tensor], at: List[Tensor], past: List[Tensor], width: int) -> List[Tensor]:
            b, s = h.size(0), h.size(1)
            x = norm(h, w[0])
            q = norm(torch.linear(x, w[1]).view(b, s, -1, width).transpose(1, 2), w[4])
            k = norm(torch.linear(x, w[2]).view(b, s, -1, width).transpose(1, 2), w[5])
            v = torch.linear(x, w[3]).view(b, s, -1, width).transpose(1, 2)
            q, k = rotate(q, at), rotate(k, at)
            if len(past) > 0:
                k, v = torch.cat([past[0], k], dim=-2), torch.cat([past[1], v], dim=-2)
            a = torch.scaled_dot_product_attention(
                q, k, v, None, 0.0, s > 1, scale=width ** -0.5, enable_gqa=True)
            a = torch.linear(a.transpose(1, 2).contiguous().reshape(b, s, -1).contiguous(), w[6])
            h = h + norm(a, w[7])
            x = norm(h, w[8])
            x = torch.linear(torch.gelu(torch.linear(x, w[9]), approximate='tanh') * torch.linear(x, w[10]), w[11])
            return [h + norm(x, w[12]), k, v]

        def forward(ids: Tensor, weights: List[Tensor], frequencies: List[Tensor], period: int,
                    cache: List[Tensor], width: int, scale: float, last_only: bool) -> List[Tensor]:
            seen = cache[0].size(2) if len(cache) > 0 else 0
            positions = torch.arange(seen, seen + ids.size(1)).unsqueeze(0).float()
            near, far = angles(frequencies[0], positions), angles(frequencies[1], positions)
            h = torch.embedding(weights[0], ids, 0) * scale
            grown: List[Tensor] = []
            for i in range((len(weights) - 2) // 13):
                at = far if (i + 1) % period == 0 else near
                done = layer(h, weights[1 + 13 * i:14 + 13 * i], at, cache[2 * i:2 * i + 2], width)
                h = done[0]
                grown += done[1:]
            h = norm(h, weights[len(weights) - 1])
            if last_only:
                h = h[:, -1:, :]
            return [torch.linear(h, weights[0])] + grown

        def loss(ids: Tensor, labels: Tensor, weights: List[Tensor], frequencies: List[Tensor],
                 period: int, width: int, scale: float) -> Tensor:
            none: List[Tensor] = []
            scores = forward(ids, weights, frequencies, period, none, width, scale, False)[0]
            return torch.cross_entropy_loss(scores.view(-1, scores.size(-1)), labels.view(-1))

        def update(weights: List[Tensor], gradients: List[Tensor], first: List[Tensor], second: List[Tensor],
                   steps: List[Tensor], rate: float) -> int:
            torch._foreach_add_(steps, 1)
            torch._fused_adamw_(weights, gradients, first, second, [], steps, lr=rate, beta1=0.9, beta2=0.999,
                                weight_decay=0.0, eps=1e-8, amsgrad=False, maximize=False)
            return 0

        def clip(gradients: List[Tensor], limit: float) -> Tensor:
            total = torch.norm(torch.stack(torch._foreach_norm(gradients, 2)), 2)
            torch._foreach_mul_(gradients, torch.clamp(limit / (total + 1e-6), max=1.0))
            return total

        """;
}
