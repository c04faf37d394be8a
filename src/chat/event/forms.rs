//! The forms in which doors have already written an event: each is made once for all who are told the same. What an event
//! keeps of them is bounded, since it may wait for somebody.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::error::Result;

/// Forms of an event that are kept, and bytes of all of them, at most.
const MAX_FORMS: usize = 32;
const MAX_FORM_BYTES: usize = 64 * 1024;

/// Names a form: a door's own choice of 32 bytes.
pub type FormKey = [u8; 32];

/// The few forms of an event, looked through one by one.
#[derive(Debug, Default)]
pub(super) struct Forms(Mutex<Vec<KeptForm>>);

#[derive(Debug)]
struct KeptForm {
    key: FormKey,
    form: Form,
}

type Form = Arc<OnceCell<Option<Bytes>>>;

impl KeptForm {
    /// How long it is, once it is made.
    fn len(&self) -> usize {
        self.form.get().and_then(Option::as_ref).map_or(0, Bytes::len)
    }
}

impl Forms {
    /// What was made in the form of this key already.
    pub fn made(&self, key: &FormKey) -> Option<Option<Bytes>> {
        let kept = self.0.lock();
        let known = kept.iter().find(|known| known.key == *key)?;
        known.form.get().cloned()
    }

    /// Keeps a form that was made, if there is room beside those of which there are few.
    pub fn keep(&self, key: FormKey, made: Option<Bytes>) {
        let mut kept = self.0.lock();
        let bytes = made.as_ref().map_or(0, Bytes::len) + kept.iter().map(KeptForm::len).sum::<usize>();
        let has_room = kept.len() < MAX_FORMS / 4 * 3 && bytes <= MAX_FORM_BYTES / 2;
        if has_room && kept.iter().all(|known| known.key != key) {
            kept.push(KeptForm { key, form: Arc::new(OnceCell::new_with(Some(made))) });
        }
    }

    /// As [`Event::form`](super::Event::form).
    pub async fn get<F>(&self, key: FormKey, make: F) -> Result<Option<Bytes>>
    where
        F: Future<Output = Result<Option<Bytes>>>,
    {
        let Some(cell) = self.cell(&key) else { return make.await };
        // Thousands ask for what is made already.
        if let Some(made) = cell.get() {
            return Ok(made.clone());
        }
        let made = cell.get_or_try_init(|| make).await?.clone();
        self.bound(&key);
        Ok(made)
    }

    /// The form of this key, which may still have to be made; none where there are too many.
    fn cell(&self, key: &FormKey) -> Option<Form> {
        let mut kept = self.0.lock();
        if let Some(known) = kept.iter().find(|known| known.key == *key) {
            return Some(Arc::clone(&known.form));
        }
        if kept.len() >= MAX_FORMS {
            return None;
        }
        let form = Form::default();
        kept.push(KeptForm { key: *key, form: Arc::clone(&form) });
        Some(form)
    }

    /// Drops the form of this key if all of them together are too long.
    fn bound(&self, key: &FormKey) {
        let mut kept = self.0.lock();
        if kept.iter().map(KeptForm::len).sum::<usize>() > MAX_FORM_BYTES {
            kept.retain(|known| known.key != *key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_form_is_made_once_and_all_of_them_are_bounded_in_number_and_in_bytes() {
        let made = AtomicUsize::new(0);
        let make = async |forms: &Forms, number: u8, bytes: usize| {
            let write = async {
                made.fetch_add(1, Ordering::Relaxed);
                Ok(Some(vec![number; bytes].into()))
            };
            let form = forms.get([number; 32], write).await.unwrap().unwrap();
            assert_eq!(form, vec![number; bytes]);
        };
        let forms = Forms::default();
        for number in (0..40).chain(0..40) {
            make(&forms, number, 100).await;
        }
        assert_eq!(made.swap(0, Ordering::Relaxed), 32 + 8 * 2, "thirty-two are kept");
        let forms = Forms::default();
        for number in (0..4).chain(0..4) {
            make(&forms, number, MAX_FORM_BYTES / 2 - 1).await;
        }
        assert_eq!(made.load(Ordering::Relaxed), 2 + 2 * 2, "two of them have room");
        // What is one of many leaves room for what is one of few.
        let forms = Forms::default();
        (0..40).for_each(|number| forms.keep([number; 32], Some(vec![number; 100].into())));
        assert_eq!((0..40).filter(|number| forms.made(&[*number; 32]).is_some()).count(), 24);
        assert!(forms.cell(&[99; 32]).is_some() && forms.made(&[99; 32]).is_none());
        let forms = Forms::default();
        (0..4).for_each(|number| forms.keep([number; 32], Some(vec![number; MAX_FORM_BYTES / 4].into())));
        assert_eq!(forms.made(&[1; 32]).flatten().map(|bytes| bytes.len()), Some(MAX_FORM_BYTES / 4));
        assert!(forms.made(&[2; 32]).is_none());
    }
}
