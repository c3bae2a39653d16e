//! Values of the contracts, lifted into the types of the plan and lowered from them.
//!
//! The plan's types follow the newest contract. When a contract gets a second version, the older one gets a module
//! beside these whose types are lifted into the same ones.

mod infra_provider;
mod pooling_strategy;
mod secret_store;

/// The same value in the other room's type.
pub(crate) trait Translate<To> {
    fn translate(self) -> To;
}

macro_rules! same {
    ($($type:ty),* $(,)?) => {
        $(impl Translate<$type> for $type {
            fn translate(self) -> $type {
                self
            }
        })*
    };
}
same!((), String, bool, u8, u16, u32, u64);

impl<A: Translate<B>, B> Translate<Vec<B>> for Vec<A> {
    fn translate(self) -> Vec<B> {
        self.into_iter().map(Translate::translate).collect()
    }
}

impl<A: Translate<B>, B> Translate<Option<B>> for Option<A> {
    fn translate(self) -> Option<B> {
        self.map(Translate::translate)
    }
}

impl<A: Translate<C>, B: Translate<D>, C, D> Translate<(C, D)> for (A, B) {
    fn translate(self) -> (C, D) {
        (self.0.translate(), self.1.translate())
    }
}

/// Records with the same fields on both sides, and variants with the same cases, both ways.
macro_rules! twins {
    ($wit:path, $plan:path: record { $($field:ident),* $(,)? }) => {
        impl crate::lift::Translate<$plan> for $wit {
            fn translate(self) -> $plan {
                let Self { $($field),* } = self;
                $plan { $($field: crate::lift::Translate::translate($field)),* }
            }
        }

        impl crate::lift::Translate<$wit> for $plan {
            fn translate(self) -> $wit {
                let Self { $($field),* } = self;
                $wit { $($field: crate::lift::Translate::translate($field)),* }
            }
        }
    };
    ($wit:path, $plan:path: variant { $($case:ident $(($value:ident))?),* $(,)? }) => {
        impl crate::lift::Translate<$plan> for $wit {
            fn translate(self) -> $plan {
                match self {
                    $(Self::$case $(($value))? => <$plan>::$case $((crate::lift::Translate::translate($value)))?),*
                }
            }
        }

        impl crate::lift::Translate<$wit> for $plan {
            fn translate(self) -> $wit {
                match self {
                    $(Self::$case $(($value))? => <$wit>::$case $((crate::lift::Translate::translate($value)))?),*
                }
            }
        }
    };
}
pub(crate) use twins;
