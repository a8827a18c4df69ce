namespace Workflows.Pjrt.Tests;

/// <summary>Small StableHLO programs.</summary>
internal static class Programs
{
    /// <summary>Adds two vectors.</summary>
    public const string Add = """
        module @add {
          func.func public @main(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
            %0 = "stablehlo.add"(%x, %y) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
            return %0 : tensor<4xf32>
          }
        }
        """;

    /// <summary>Adds a vector to a state and gives the old state too; the new one takes the old one's memory.</summary>
    public const string Step = """
        module @step {
          func.func public @main(%s: tensor<4xf32> {tf.aliasing_output = 1 : i32}, %y: tensor<4xf32>)
              -> (tensor<f32>, tensor<4xf32>) {
            %c = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
            %0 = "stablehlo.add"(%s, %y) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
            %1 = "stablehlo.reduce"(%0, %c) <{dimensions = array<i64: 0>}> ({
            ^bb0(%a: tensor<f32>, %b: tensor<f32>):
              %r = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
              "stablehlo.return"(%r) : (tensor<f32>) -> ()
            }) : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
            return %1, %0 : tensor<f32>, tensor<4xf32>
          }
        }
        """;

    /// <summary>
    /// Multiplies rows that are split over four devices by a matrix that each has, and sums over the rows.
    /// </summary>
    public const string Sharded = """
        module @sharded attributes {mhlo.num_partitions = 4 : i32, mhlo.num_replicas = 1 : i32} {
          func.func public @main(%x: tensor<8x2xf32> {mhlo.sharding = "{devices=[4,1]<=[4]}"},
                                 %w: tensor<2x3xf32> {mhlo.sharding = "{replicated}"})
              -> (tensor<3xf32> {mhlo.sharding = "{replicated}"}) {
            %c = "stablehlo.constant"() <{value = dense<0.0> : tensor<f32>}> : () -> tensor<f32>
            %0 = "stablehlo.dot_general"(%x, %w) <{dot_dimension_numbers = #stablehlo.dot<
              lhs_contracting_dimensions = [1], rhs_contracting_dimensions = [0]>}>
              : (tensor<8x2xf32>, tensor<2x3xf32>) -> tensor<8x3xf32>
            %1 = "stablehlo.reduce"(%0, %c) <{dimensions = array<i64: 0>}> ({
            ^bb0(%a: tensor<f32>, %b: tensor<f32>):
              %r = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
              "stablehlo.return"(%r) : (tensor<f32>) -> ()
            }) : (tensor<8x3xf32>, tensor<f32>) -> tensor<3xf32>
            return %1 : tensor<3xf32>
          }
        }
        """;
}
